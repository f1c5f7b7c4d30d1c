"""The displacement fields of one face: how far each grid point moves when a control is 1."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face import landmarks as at
from nodes.generate._puppet.axes import GRID, Axes
from nodes.generate._puppet.lips import Lips

# Shares of the face height (forehead to chin) unless noted otherwise.
JAW_TRAVEL = 0.095
UPPER_RAISE = 0.024
PRESS_ROLL = 0.004  # overlap of each lip when pressed together
BROW_RAISE = 0.024
CHEEK_RAISE = 0.010
_CORNER_WITH_JAW = 0.30  # how far the corners of the mouth follow the jaw, as a share of its travel
_SMILE_REMOVED = 0.55  # share of the smile


class Fields:
    """Builds the fields, (GRID, GRID, 2) image pixels each. ``upper`` and ``lower`` are added to ``common``."""

    def __init__(
        self,
        axes: Axes,
        xy: NDArray[Any],
        depth: NDArray[Any],
        face_height: float,
        face_width: float,
        lips: Lips,
    ) -> None:
        self.axes, self.xy, self.depth, self.lips = axes, xy, depth, lips
        self.h, self.w = face_height, face_width
        self.nose_v = float(axes.of(xy[[at.NOSE_BASE]])[0, 1])
        self.chin_v = float(axes.of(xy[[at.CHIN]])[0, 1])
        middle = (lips.u[0] + lips.u[-1]) / 2
        self.t = np.clip((axes.u - middle) / (lips.width / 2), -1, 1)
        self.line_upper = np.interp(axes.u, lips.u, lips.upper)
        self.line_lower = np.interp(axes.u, lips.u, lips.lower)
        oval = axes.of(xy[list(at.FACE_OVAL)])
        self.centre = (oval.min(0) + oval.max(0)) / 2

    # -- the head as a whole ------------------------------------------------------------------

    def common(self) -> dict[str, NDArray[Any]]:
        a = self.axes
        head, relief = self._head(), self._relief()
        neck = self.chin_v + 0.25 * self.h
        along, mouth = self._sideways()
        return {
            "yaw": a.field(relief, 0.0),
            "pitch": a.field(0.0, relief),
            "roll": a.field(-(a.v - neck) * head, a.u * head),
            "shift_x": a.field(self.h * head, 0.0),
            "shift_y": a.field(0.0, self.h * head),
            "jaw": a.field(0.0, JAW_TRAVEL * self.h * self._jaw()),
            "spread": a.field(along * mouth, 0.0),
            "pucker": a.field(0.0, (a.v - np.interp(a.u, self.lips.u, self.lips.seal)) * mouth * 0.30),
            "brow": a.field(0.0, -BROW_RAISE * self.h * self._brows()),
            "cheek": a.field(0.0, -CHEEK_RAISE * self.h * self._cheeks()),
            "neutral": self._neutral(),
        }

    def _sideways(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Two factors of widening: u up to the mouth's corners, falling to 0 in the cheeks; nearness to the lips, 0..1.

        The effect ends below the nose, because people noticed at once when the nose narrowed with every "oo".
        """
        a, half = self.axes, self.lips.width / 2
        reach = np.abs(a.u)
        along = np.sign(a.u) * np.minimum(reach, half) * (1 - _step(reach, 0.85 * half, max(0.47 * self.w, 1.6 * half)))
        up = 1 - _step(-a.v, 0.15 * -self.nose_v, 1.05 * -self.nose_v)
        return along, up * (1 - _step(a.v, 0.30 * self.chin_v, 0.95 * self.chin_v))

    def _head(self) -> NDArray[Any]:
        """1 on the head, falling to 0 in the background, at the frame's border and along the neck."""
        a = self.axes
        du, dv = (a.u - self.centre[0]) / (0.80 * self.w), (a.v - self.centre[1]) / (0.92 * self.h)
        inside = 1 - _step(np.hypot(du, dv), 1.0, 1.9)
        neck = 1 - _step(a.v, self.chin_v - 0.05 * self.h, self.chin_v + 0.75 * self.h)
        border = a.size * 0.10
        edge = np.minimum(np.minimum(a.x, a.size - 1 - a.x), a.y)
        return inside * neck * _step(edge, 0.0, border)

    def _relief(self) -> NDArray[Any]:
        """Depth of each point in front of the ears, in pixels: its sideways motion for a turn of one radian."""
        a = self.axes
        ears = (self.depth[at.CHEEK_LEFT] + self.depth[at.CHEEK_RIGHT]) / 2
        relief = np.clip(_spread_out(self.xy, ears - self.depth, a.size), 0, None)
        du, dv = (a.u - self.centre[0]) / (0.66 * self.w), (a.v - self.centre[1]) / (0.82 * self.h)
        return relief * (1 - _step(np.hypot(du, dv), 0.62, 1.22)) * _step(a.y, 0.0, a.size * 0.06)

    def _jaw(self) -> NDArray[Any]:
        """How much the skin follows the jaw: not at the nose, partly at the mouth's corners, fully at the chin."""
        a = self.axes
        down = np.interp(
            a.v,
            [self.nose_v, 0.0, 0.55 * self.chin_v, self.chin_v, self.chin_v + 0.34 * self.h],
            [0.0, _CORNER_WITH_JAW, 0.88, 1.0, 0.0],
        )
        down = cv2.GaussianBlur(down, (0, 0), 0.022 * self.h * GRID / a.size)
        return down * (1 - _step(np.abs(a.u), 0.16 * self.w, 0.54 * self.w))

    def _brows(self) -> NDArray[Any]:
        a, total = self.axes, np.zeros((GRID, GRID))
        for brow, lid in ((at.BROW_LEFT, at.EYE_LEFT_UPPER), (at.BROW_RIGHT, at.EYE_RIGHT_UPPER)):
            middle = a.of(self.xy[list(brow)]).mean(0)
            lid_v = a.of(self.xy[list(lid)])[:, 1].min()
            sideways = np.exp(-(((a.u - middle[0]) / (0.20 * self.w)) ** 2))
            above = 1 - _step(middle[1] - a.v, 0.02 * self.h, 0.24 * self.h)
            total += sideways * above * _step(lid_v - a.v, 0.0, max(lid_v - middle[1], 4.0))
        return np.minimum(total, 1)

    def _cheeks(self) -> NDArray[Any]:
        a, total = self.axes, np.zeros((GRID, GRID))
        for lid in (at.EYE_LEFT_LOWER, at.EYE_RIGHT_LOWER):
            middle = a.of(self.xy[list(lid)]).mean(0)
            middle[1] += 0.13 * self.h
            total += np.exp(-(((a.u - middle[0]) / (0.15 * self.w)) ** 2) - ((a.v - middle[1]) / (0.09 * self.h)) ** 2)
        return total

    def _neutral(self) -> NDArray[Any]:
        """Removes part of a smile: moves the corners down and slightly inwards. Zero for a neutral mouth."""
        a, half = self.axes, self.lips.width / 2
        down = np.zeros((GRID, GRID))
        for corner in (self.lips.u[0], self.lips.u[-1]):
            down += np.exp(-(((a.u - corner) / (0.55 * half)) ** 2) - (a.v / (0.6 * half)) ** 2)
        smile = min(1.0, self.lips.sag / (0.12 * self.lips.width))
        mouth = np.exp(-((a.u / (1.5 * half)) ** 2) - (a.v / (1.2 * half)) ** 2)
        return a.field(-a.u * mouth * 0.07 * smile, down * self.lips.sag * _SMILE_REMOVED)

    # -- the lips -----------------------------------------------------------------------------

    def upper(self) -> dict[str, NDArray[Any]]:
        above = _ramp(self.line_upper - self.axes.v, 0.95 * (self.line_upper - self.nose_v))
        above *= 1 - _step(self.axes.v - self.line_lower, 0.06 * self.h, 0.18 * self.h)
        return {
            "seal": self._lip(self._at(self.lips.seal - self.lips.upper), above),
            "raise": self._lip(-UPPER_RAISE * self.h * (1 - self.t**2), above),
            "jaw": self._lip(-JAW_TRAVEL * self.h * _CORNER_WITH_JAW * self._lens(), above),
            "press": self._lip(PRESS_ROLL * self.h * self._lens(), above),
        }

    def lower(self) -> dict[str, NDArray[Any]]:
        below = _ramp(self.axes.v - self.line_lower, 0.66 * (self.chin_v - self.line_lower))
        below *= 1 - _step(self.line_upper - self.axes.v, 0.04 * self.h, 0.12 * self.h)
        open_by = JAW_TRAVEL * self.h * (1 - _CORNER_WITH_JAW)
        # The jaw's field already moves the lip by part of the jaw's travel; this field adds the rest.
        v_rest = np.interp(self.axes.v, [0.0, 0.55 * self.chin_v], [1.0, (1 - 0.88) / (1 - _CORNER_WITH_JAW)])
        return {
            "seal": self._lip(self._at(self.lips.seal - self.lips.lower), below),
            "draw": self._lip(self.h * (1 - self.t**2), below),
            "jaw": self._lip(open_by * self._lens() * v_rest, below),
            "press": self._lip(-PRESS_ROLL * self.h * self._lens(), below),
        }

    def _lip(self, dv: NDArray[Any], falloff: NDArray[Any]) -> NDArray[Any]:
        return self.axes.field(0.0, dv * falloff)

    def _at(self, profile: NDArray[Any]) -> NDArray[Any]:
        """A profile along the lips, extended over the grid; 0 beyond the corners."""
        return np.interp(self.axes.u, self.lips.u, profile, left=0.0, right=0.0)

    def _lens(self) -> NDArray[Any]:
        """The outline of an opening mouth: 1 in the middle, 0 at its corners."""
        return (1 - self.t**2) ** 0.95


def _step(x: NDArray[Any], start: NDArray[Any] | float, stop: NDArray[Any] | float) -> NDArray[Any]:
    """0 below start, 1 above stop, smooth between."""
    s = np.clip((x - start) / np.maximum(np.asarray(stop) - start, 1e-6), 0, 1)
    return s * s * (3 - 2 * s)


def _ramp(distance: NDArray[Any], reach: NDArray[Any]) -> NDArray[Any]:
    """1 up to distance 0, falling to 0 at ``reach``; steep at first, so that a lip swells instead of sliding."""
    s = np.clip(distance / np.maximum(reach, 1e-6), 0, 1)
    return (1 - s) ** 1.6


def _spread_out(xy: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[Any]:
    """(GRID, GRID) smooth field through scattered values: Gaussian averages, as fine as the points' density allows."""
    cell = np.clip(((xy + 0.5) * GRID / size).astype(int), 0, GRID - 1)
    weight, total = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    np.add.at(weight, (cell[:, 1], cell[:, 0]), 1.0)
    np.add.at(total, (cell[:, 1], cell[:, 0]), values)
    field = np.full((GRID, GRID), float(values.mean()))
    for sigma in (32.0, 16.0, 8.0, 4.0, 2.5):
        near_weight, near_total = cv2.GaussianBlur(weight, (0, 0), sigma), cv2.GaussianBlur(total, (0, 0), sigma)
        trust = np.clip(near_weight / 0.03, 0, 1)
        field = field * (1 - trust) + trust * near_total / np.maximum(near_weight, 1e-9)
    return cv2.GaussianBlur(field, (0, 0), 2.0)
