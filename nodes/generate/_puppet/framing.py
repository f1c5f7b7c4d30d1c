"""Frames the portrait in the output square: head and shoulders, never stretched."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.landmarks import CHIN, FACE_OVAL, FOREHEAD_TOP

_SMALLEST_FACE = 0.30  # face height / side; a smaller face is enlarged
_LARGEST_FACE = 0.85  # a larger face would have no room to move, so the image is extended at its borders
_FACE_CENTRE = (0.5, 0.47)  # position of the face's centre in the square, if the image is large enough


def frame(rgb: NDArray[Any], points: NDArray[Any], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut a square around the face and scale it.

    Args:
        rgb: (H, W, 3) uint8.
        points: (468, 3) float32 mesh in its pixels.
        size: side of the output in pixels.

    Returns:
        (size, size, 3) uint8 and the (468, 3) float32 mesh in its pixels. A square portrait whose face fills 30 to
        85 % of its height is not cropped. Where the square extends beyond the image, the border pixels are repeated
        and blurred.
    """
    height, width = rgb.shape[:2]
    face = float(np.linalg.norm(points[CHIN, :2] - points[FOREHEAD_TOP, :2]))
    side = round(max(min(width, height, face / _SMALLEST_FACE), face / _LARGEST_FACE))
    oval = points[list(FACE_OVAL), :2]
    middle = (oval.min(0) + oval.max(0)) / 2
    left = _place(middle[0] - _FACE_CENTRE[0] * side, side, width)
    top = _place(middle[1] - _FACE_CENTRE[1] * side, side, height)
    square = _cut(rgb, left, top, side)
    scale = size / side
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    framed = cv2.resize(square, (size, size), interpolation=interpolation) if side != size else square.copy()
    moved = points - np.array([left, top, 0], np.float32)
    moved[:, :2] = (moved[:, :2] + 0.5) * scale - 0.5  # pixel centres, as cv2.resize counts
    moved[:, 2] *= scale
    return framed, moved.astype(np.float32)


def _place(start: float, side: int, length: int) -> int:
    """The square's first pixel: inside the image if the square fits, else centred over the image."""
    if side > length:
        return -((side - length) // 2)
    return int(min(max(round(start), 0), length - side))


def _cut(rgb: NDArray[Any], left: int, top: int, side: int) -> NDArray[Any]:
    height, width = rgb.shape[:2]
    pads = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    inside = rgb[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
    if not any(pads):
        return inside
    padded = cv2.copyMakeBorder(inside, *pads, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(padded, (0, 0), max(1.0, side / 25))
    keep = np.zeros((side, side), np.float32)
    keep[pads[0] : side - pads[1], pads[2] : side - pads[3]] = 1
    keep = cv2.GaussianBlur(keep, (0, 0), max(1.0, side / 120))[..., None]
    keep[pads[0] : side - pads[1], pads[2] : side - pads[3]] = 1  # the image itself stays sharp
    return (padded * keep + soft * (1 - keep)).astype(np.uint8)
