"""The lips of the portrait: their inner contours, and the line where they meet in a closed mouth."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face import landmarks as at
from nodes.generate._puppet.axes import Axes

SAMPLES = 33  # points along each contour
# -1 and 1 at the corners, 0 in the middle; denser near the corners, where the contours curve most.
ALONG = -np.cos(np.linspace(0, np.pi, SAMPLES))

# Shares of the face height, except for the first.
_SEAL_AT = 0.55  # where a parted mouth closes: 0 at the upper lip's line, 1 at the lower lip's
# Distance of the contours inside the lips, so that no tooth or gap sticks to them: closed lips, then parted lips.
_INSET_CLOSED = 0.004
INSET_UPPER, INSET_LOWER = 0.005, 0.012
_PARTED = 0.025  # a mouth open wider than this shows its own teeth


@dataclass(frozen=True)
class Lips:
    """In pixels of the face's axes: (SAMPLES,) v of the inset inner contours and of the closed lips, at each ``u``."""

    u: NDArray[Any]
    width: float
    upper: NDArray[Any]
    lower: NDArray[Any]
    seal: NDArray[Any]
    parted: bool
    sag: float  # how far the middle of the mouth is below its corners, which measures a smile


def find_lips(axes: Axes, xy: NDArray[Any], face_height: float) -> Lips:
    """The lips of the (468, 2) mesh."""
    top, bottom = axes.of(xy[list(at.LIPS_UPPER_INNER)]), axes.of(xy[list(at.LIPS_LOWER_INNER)])
    low, high = top[0, 0], top[-1, 0]
    u = (low + high) / 2 + ALONG * (high - low) / 2
    upper, lower = _smooth_line(top, u), _smooth_line(bottom, u)
    lower = np.maximum(lower, upper)
    gap = float((lower - upper).max())
    parted = gap > _PARTED * face_height
    above, below = (INSET_UPPER, INSET_LOWER) if parted else (_INSET_CLOSED, _INSET_CLOSED)
    inset = face_height * np.sqrt(1 - ALONG**2)
    seal = upper + _SEAL_AT * (lower - upper)
    middle = seal[SAMPLES // 2] - (seal[0] + seal[-1]) / 2
    return Lips(
        u, float(high - low), upper - above * inset, lower + below * inset, seal, parted, float(max(0.0, middle))
    )


def _smooth_line(points: NDArray[Any], u: NDArray[Any]) -> NDArray[Any]:
    """v at each u along the polyline, rounded by averaging over a tenth of its length."""
    order = np.argsort(points[:, 0])
    reach = (u[-1] - u[0]) * 0.05
    shifts = np.linspace(-reach, reach, 7)
    line = np.mean([np.interp(u + shift, points[order, 0], points[order, 1]) for shift in shifts], axis=0)
    line += np.interp(u, [u[0], u[-1]], [points[0, 1] - line[0], points[-1, 1] - line[-1]])  # keep the corners
    return line
