"""The face's coordinate system: u along the eyes to the image's right, v down, in pixels from the mouth's centre."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face import landmarks as at

GRID = 128  # cells per side for any output size; fields have no detail finer than 1/128 of the image


class Axes:
    """Origin and unit vectors, (2,) each; for every grid point x, y in the image and u, v in the face."""

    def __init__(self, xy: NDArray[Any], size: int) -> None:
        """xy: (468, 2) mesh in pixels of the (size, size) image."""
        across = xy[list(at.EYE_RIGHT)].mean(0) - xy[list(at.EYE_LEFT)].mean(0)
        self.right = right = across / np.linalg.norm(across)
        self.down = down = np.array([-right[1], right[0]])
        self.origin = origin = (xy[at.LIPS_UPPER_INNER[0]] + xy[at.LIPS_UPPER_INNER[-1]]) / 2
        self.size = size
        line = (np.arange(GRID) + 0.5) * (size / GRID) - 0.5
        self.x, self.y = np.meshgrid(line, line)
        self.u = (self.x - origin[0]) * right[0] + (self.y - origin[1]) * right[1]
        self.v = (self.x - origin[0]) * down[0] + (self.y - origin[1]) * down[1]

    def of(self, points: NDArray[Any]) -> NDArray[Any]:
        """(N, 2) image pixels -> (N, 2) u and v."""
        return np.stack([(points - self.origin) @ self.right, (points - self.origin) @ self.down], -1)

    def to_image(self, u: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
        return self.origin + u[:, None] * self.right + v[:, None] * self.down

    def field(self, du: NDArray[Any] | float, dv: NDArray[Any] | float) -> NDArray[Any]:
        """(GRID, GRID, 2) displacement in the image from displacement along the face's axes."""
        du, dv = np.broadcast_to(du, self.u.shape), np.broadcast_to(dv, self.u.shape)
        return np.stack([du * self.right[0] + dv * self.down[0], du * self.right[1] + dv * self.down[1]], -1)
