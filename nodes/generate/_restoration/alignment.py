"""Turns landmarks of a face into the 512 x 512 square that face restoration networks were trained on.

Method: least squares similarity transform, Umeyama, "Least-squares estimation of transformation parameters between two
point patterns", TPAMI 1991, in two dimensions. The template is the mean of the landmarks in FFHQ's alignment (Karras et
al., CVPR 2019) at 512 px, which GFPGAN, RestoreFormer and CodeFormer share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 512
# Left eye, right eye, tip of the nose, left and right corner of the mouth, as seen in the image; x, y in pixels.
TEMPLATE = np.array([[193.0, 240.0], [318.9, 240.2], [256.6, 314.0], [201.3, 371.4], [313.1, 371.2]]) / 512


@dataclass(frozen=True)
class Similarity:
    """(x, y) -> (a x - b y + left, b x + a y + top): turning, scaling and moving, without mirroring."""

    a: float
    b: float
    left: float
    top: float

    @property
    def scale(self) -> float:
        return float(np.hypot(self.a, self.b))

    def __call__(self, points: NDArray[Any]) -> NDArray[Any]:
        """(N, 2) -> (N, 2)"""
        x, y = points[:, 0], points[:, 1]
        return np.stack([self.a * x - self.b * y + self.left, self.b * x + self.a * y + self.top], axis=1)

    def inverse(self) -> Similarity:
        square = self.a**2 + self.b**2
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, -(a * self.left - b * self.top), -(b * self.left + a * self.top))

    def scaled(self, factor: float) -> Similarity:
        """Followed by a scaling of the result."""
        return Similarity(self.a * factor, self.b * factor, self.left * factor, self.top * factor)


def to_square(landmarks: NDArray[Any]) -> Similarity:
    """From pixels of the image to the unit square in which the face lies as in the template.

    Args:
        landmarks: (5, 2) in pixels, in the template's order.
    """
    points, template = (array[:, 0] + 1j * array[:, 1] for array in (landmarks.astype(float), TEMPLATE))
    middle, target = points.mean(), template.mean()
    around = points - middle
    turn = (np.conj(around) * (template - target)).sum() / (np.abs(around) ** 2).sum()
    move = target - turn * middle
    return Similarity(float(turn.real), float(turn.imag), float(move.real), float(move.imag))
