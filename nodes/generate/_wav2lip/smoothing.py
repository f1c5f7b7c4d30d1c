"""Steadies the box of a face over time: it follows the head, and not the noise of the detector or the moving jaw.

Method: local polynomial regression with the tricube kernel (Cleveland, "Robust Locally Weighted Regression and
Smoothing Scatterplots", 1979), shrunk towards the local mean as long as the face moves no more than the detector
trembles. It looks equally far ahead and back, so it does not lag.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_TREMBLE = 0.006  # of the detector, as a share of the face
_FARTHEST = 1e-3  # weight of a measurement beyond the radius, which only counts if there is none nearer


class Box(NamedTuple):
    """A rectangle in image pixels. A pixel has its centre at + 0.5."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def overlap(self, other: Box) -> float:
        """Shared area / joint area, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.width * self.height + other.width * other.height - shared)

    def towards(self, other: Box, share: float) -> Box:
        """Between this box (0) and another one (1)."""
        return Box(*(a + share * (b - a) for a, b in zip(self, other, strict=True)))

    def padded(self, top: float, bottom: float, sides: float) -> Box:
        """Larger by shares of its height and width."""
        across = sides * self.width
        return Box(
            self.left - across,
            self.top - top * self.height,
            self.right + across,
            self.bottom + bottom * self.height,
        )


def steady(times: NDArray[Any], boxes: NDArray[Any], when: float, radius: float) -> Box:
    """The box at a time, from (n,) times and (n, 4) boxes around it, in their order.

    Args:
        radius: how far to look ahead and back, in the unit of the times.
    """
    away = (times - when) / radius
    weights = np.maximum(np.clip(1 - np.abs(away) ** 3, 0, 1) ** 3, _FARTHEST)
    weights /= weights.sum()
    left, top, right, bottom = boxes.T
    size = float(weights @ (bottom - top))
    curved = 2 if (np.abs(away) < 1).sum() >= 4 else 1
    x = _followed(away, (left + right) / 2, weights, curved, size)
    y = _followed(away, top, weights, curved, size)
    width = _followed(away, right - left, weights, 1, size)  # no quicker than a head approaches: the jaw moves as well
    height = _followed(away, bottom - top, weights, 1, size)
    return Box(x - width / 2, y, x + width / 2, y + height)


def _followed(away: NDArray[Any], values: NDArray[Any], weights: NDArray[Any], degree: int, size: float) -> float:
    mean = float(weights @ values)
    moved = float(weights @ (values - mean) ** 2)
    if moved == 0:
        return mean
    powers = np.vander(away, min(degree, len(away) - 1) + 1, increasing=True)
    root = np.sqrt(weights)
    fitted = float(np.linalg.lstsq(powers * root[:, None], values * root, rcond=None)[0][0])
    return mean + moved / (moved + (_TREMBLE * size) ** 2) * (fitted - mean)
