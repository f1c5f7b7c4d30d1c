"""The rig: everything about one portrait's face that is the same for all frames.

The face moves by displacement fields on a coarse grid, one field per control. A frame uses their weighted sum. All
fields are smooth. The one sharp feature of a moving face, the line between the lips, is a pair of contours: above that
line the image follows the ``upper`` sum, below it the ``lower`` one. Beyond the corners of the mouth both are equal.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face import landmarks as at
from nodes.generate._puppet.axes import GRID, Axes
from nodes.generate._puppet.fields import Fields
from nodes.generate._puppet.lips import find_lips

COMMON = ("yaw", "pitch", "roll", "shift_x", "shift_y", "jaw", "spread", "pucker", "brow", "cheek", "neutral")
UPPER = ("seal", "raise", "jaw", "press")
LOWER = ("seal", "draw", "jaw", "press")


@dataclass(frozen=True)
class Rig:
    """One portrait's face, in pixels of the output square.

    Attributes:
        size: side of the square.
        face_height, face_width, mouth_width: pixels.
        origin: (2,) middle between the corners of the mouth. right, down: (2,) unit vectors of the face's axes.
        common, upper, lower: (K, GRID * GRID * 2) float32 displacement in pixels for a weight of 1, in the order of
            COMMON, UPPER and LOWER. ``upper`` and ``lower`` are added to ``common``.
        lip_upper, lip_lower: (SAMPLES, 2) the lips' inner contours in the portrait, left to right, with shared corners.
        parted: whether the mouth in the portrait shows teeth.
        seal_line: (SAMPLES, 2) line where the closed lips meet.
    """

    size: int
    face_height: float
    face_width: float
    mouth_width: float
    origin: NDArray[Any]
    right: NDArray[Any]
    down: NDArray[Any]
    common: NDArray[Any]
    upper: NDArray[Any]
    lower: NDArray[Any]
    lip_upper: NDArray[Any]
    lip_lower: NDArray[Any]
    parted: bool
    seal_line: NDArray[Any]

    def to_face(self, points: NDArray[Any]) -> NDArray[Any]:
        """(..., 2) image pixels -> (u, v) in pixels along the face's axes, from the mouth."""
        return np.stack([(points - self.origin) @ self.right, (points - self.origin) @ self.down], -1)

    def to_image(self, uv: NDArray[Any]) -> NDArray[Any]:
        return self.origin + uv[..., :1] * self.right + uv[..., 1:] * self.down

    def sample(self, field: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
        """(GRID, GRID, C) field at (N, 2) image pixels -> (N, C), bilinear."""
        at_grid = ((points + 0.5) * (GRID / self.size) - 0.5).astype(np.float32)
        return cv2.remap(
            field, at_grid[:, None, 0], at_grid[:, None, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).reshape(len(points), -1)


def build_rig(points: NDArray[Any], size: int) -> Rig:
    """The rig of the face with this (468, 3) mesh in a (size, size) image. About 30 ms."""
    xy = points[:, :2].astype(np.float64)
    axes = Axes(xy, size)
    face_height = float(np.linalg.norm(xy[at.CHIN] - xy[at.FOREHEAD_TOP]))
    face_width = float(np.linalg.norm(xy[at.CHEEK_RIGHT] - xy[at.CHEEK_LEFT]))
    lips = find_lips(axes, xy, face_height)
    fields = Fields(axes, xy, points[:, 2].astype(np.float64), face_height, face_width, lips)
    common, upper, lower = fields.common(), fields.upper(), fields.lower()
    return Rig(
        size=size,
        face_height=face_height,
        face_width=face_width,
        mouth_width=lips.width,
        origin=axes.origin,
        right=axes.right,
        down=axes.down,
        common=_matrix(common, COMMON),
        upper=_matrix(upper, UPPER),
        lower=_matrix(lower, LOWER),
        lip_upper=axes.to_image(lips.u, lips.upper),
        lip_lower=axes.to_image(lips.u, lips.lower),
        parted=lips.parted,
        seal_line=axes.to_image(lips.u, lips.seal),
    )


def _matrix(fields: dict[str, NDArray[Any]], order: tuple[str, ...]) -> NDArray[Any]:
    return np.stack([fields[name].reshape(-1) for name in order]).astype(np.float32)
