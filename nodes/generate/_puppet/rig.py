"""The rig: everything about one portrait's face that does not change from frame to frame.

The face moves by displacement fields on a coarse grid, one field for each control, which a frame adds up by weight.
All fields are smooth: what is sharp in a moving face, the line between the lips, is a pair of contours. Above that line
the picture follows the ``upper`` sum, below it the ``lower`` one; outside the corners of the mouth both are equal.
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

GRID = 128  # cells a side, whatever the output size: fields have no detail finer than 1/128 of the picture
SAMPLES = 33  # points along each lip contour

# Shares of the face height (forehead to chin) unless said otherwise.
JAW_TRAVEL = 0.095
UPPER_RAISE = 0.024
LOWER_DRAW, LOWER_TUCK = 0.026, 0.014
PRESS_ROLL = 0.004  # lips pressed together overlap by this much each
BROW_RAISE = 0.024
CHEEK_RAISE = 0.010
SPREAD, ROUND = 0.07, 0.34  # change of the mouth's width, as a share of it
_CORNER_WITH_JAW = 0.30  # how far the corners of the mouth follow the jaw
_SEAL_AT = 0.55  # where a parted mouth closes: 0 at the upper lip's line, 1 at the lower's
_SMILE_TAKEN_OUT = 0.55
# Contours lie this far inside the lips, so that no tooth or gap sticks to them: closed lips, then parted ones.
_INSET_CLOSED = 0.004
INSET_UPPER, INSET_LOWER = 0.005, 0.012
_PARTED = 0.025  # a mouth open wider than this shows teeth of its own

COMMON = ("yaw", "pitch", "roll", "shift_x", "shift_y", "jaw", "spread", "pucker", "brow", "cheek", "neutral")
UPPER = ("seal", "raise", "jaw", "press")
LOWER = ("seal", "draw", "jaw", "press")


@dataclass(frozen=True)
class Rig:
    """One portrait's face, in pixels of the output square.

    Attributes:
        size: side of the square.
        face_height, face_width, mouth_width: pixels.
        origin: (2,) middle between the corners of the mouth. right, down: (2,) unit vectors of the face's own axes.
        common, upper, lower: (K, GRID * GRID * 2) float32 displacement in pixels for a weight of 1, in the order of
            COMMON, UPPER and LOWER. ``upper`` and ``lower`` come on top of ``common``.
        lip_upper, lip_lower: (SAMPLES, 2) the lips' inner contours in the portrait, left to right, shared corners.
        parted: whether the portrait's own mouth shows teeth.
        seal_line: (SAMPLES, 2) where the closed lips meet.
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
        """(..., 2) picture pixels -> (u, v) pixels along the face's axes from the mouth."""
        return np.stack([(points - self.origin) @ self.right, (points - self.origin) @ self.down], -1)

    def to_picture(self, uv: NDArray[Any]) -> NDArray[Any]:
        return self.origin + uv[..., :1] * self.right + uv[..., 1:] * self.down

    def sample(self, field: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
        """(GRID, GRID, C) field at (N, 2) picture pixels -> (N, C), bilinear."""
        at_grid = ((points + 0.5) * (GRID / self.size) - 0.5).astype(np.float32)
        return cv2.remap(
            field, at_grid[:, None, 0], at_grid[:, None, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).reshape(len(points), -1)


def build_rig(points: NDArray[Any], size: int) -> Rig:
    """The rig of the face with that (468, 3) mesh in a (size, size) picture. About 30 ms."""
    xy = points[:, :2].astype(np.float64)
    left, right = _right_of(xy)
    face_height = float(np.linalg.norm(xy[at.CHIN] - xy[at.FOREHEAD_TOP]))
    face_width = float(np.linalg.norm(xy[at.CHEEK_RIGHT] - xy[at.CHEEK_LEFT]))
    corner_l, corner_r = xy[at.LIPS_UPPER_INNER[0]], xy[at.LIPS_UPPER_INNER[-1]]
    axes = _Axes((corner_l + corner_r) / 2, left, right, size)
    lips = _lips(axes, xy, face_height)
    fields = _Fields(axes, xy, points[:, 2].astype(np.float64), face_height, face_width, lips)
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
        lip_upper=axes.to_picture(lips.u, lips.upper),
        lip_lower=axes.to_picture(lips.u, lips.lower),
        parted=lips.parted,
        seal_line=axes.to_picture(lips.u, lips.seal),
    )


def _right_of(xy: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    across = xy[list(at.EYE_RIGHT)].mean(0) - xy[list(at.EYE_LEFT)].mean(0)
    right = across / np.linalg.norm(across)
    return right, np.array([-right[1], right[0]])


def _matrix(fields: dict[str, NDArray[Any]], order: tuple[str, ...]) -> NDArray[Any]:
    return np.stack([fields[name].reshape(-1) for name in order]).astype(np.float32)


class _Axes:
    """The face's own axes, and (u, v) of every grid point in them."""

    def __init__(self, origin: NDArray[Any], right: NDArray[Any], down: NDArray[Any], size: int) -> None:
        self.origin, self.right, self.down, self.size = origin, right, down, size
        line = (np.arange(GRID) + 0.5) * (size / GRID) - 0.5
        self.x, self.y = np.meshgrid(line, line)
        self.u = (self.x - origin[0]) * right[0] + (self.y - origin[1]) * right[1]
        self.v = (self.x - origin[0]) * down[0] + (self.y - origin[1]) * down[1]

    def of(self, points: NDArray[Any]) -> NDArray[Any]:
        return np.stack([(points - self.origin) @ self.right, (points - self.origin) @ self.down], -1)

    def to_picture(self, u: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
        return self.origin + u[:, None] * self.right + v[:, None] * self.down

    def field(self, du: NDArray[Any] | float, dv: NDArray[Any] | float) -> NDArray[Any]:
        """(GRID, GRID, 2) picture displacement from displacement along the face's axes."""
        du, dv = np.broadcast_to(du, self.u.shape), np.broadcast_to(dv, self.u.shape)
        return np.stack([du * self.right[0] + dv * self.down[0], du * self.right[1] + dv * self.down[1]], -1)


@dataclass(frozen=True)
class _Lips:
    """Contours in face axes, sampled at ``u``: inner lines with inset, outer lines, and where they meet when closed."""

    u: NDArray[Any]
    width: float
    upper: NDArray[Any]
    lower: NDArray[Any]
    seal: NDArray[Any]
    parted: bool
    sag: float  # how far the middle of the mouth hangs below its corners: the smile


def _lips(axes: _Axes, xy: NDArray[Any], face_height: float) -> _Lips:
    top, bottom = axes.of(xy[list(at.LIPS_UPPER_INNER)]), axes.of(xy[list(at.LIPS_LOWER_INNER)])
    low, high = top[0, 0], top[-1, 0]
    # Samples lie closer together near the corners, where the contours curve most.
    t = -np.cos(np.linspace(0, np.pi, SAMPLES))
    u = (low + high) / 2 + t * (high - low) / 2
    upper, lower = _smooth_line(top, u), _smooth_line(bottom, u)
    lower = np.maximum(lower, upper)
    gap = float((lower - upper).max())
    parted = gap > _PARTED * face_height
    above, below = (INSET_UPPER, INSET_LOWER) if parted else (_INSET_CLOSED, _INSET_CLOSED)
    inset = face_height * np.sqrt(1 - t * t)
    seal = upper + _SEAL_AT * (lower - upper)
    middle = seal[SAMPLES // 2] - (seal[0] + seal[-1]) / 2
    return _Lips(
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


class _Fields:
    """Builds the displacement fields. Weights are shares of pixels: a field's unit is its control's unit."""

    def __init__(
        self,
        axes: _Axes,
        xy: NDArray[Any],
        depth: NDArray[Any],
        face_height: float,
        face_width: float,
        lips: _Lips,
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
        """What widens with the mouth: u up to its corners, falling to 0 in the cheeks; and 0 to 1, how near the lips.

        It ends below the nose: a nose that narrows with every "oo" was the first thing people saw.
        """
        a, half = self.axes, self.lips.width / 2
        reach = np.abs(a.u)
        along = np.sign(a.u) * np.minimum(reach, half) * (1 - _step(reach, 0.85 * half, max(0.47 * self.w, 1.6 * half)))
        up = 1 - _step(-a.v, 0.15 * -self.nose_v, 1.05 * -self.nose_v)
        return along, up * (1 - _step(a.v, 0.30 * self.chin_v, 0.95 * self.chin_v))

    def _head(self) -> NDArray[Any]:
        """1 on the head, falling to 0 in the background, at the frame's border and down the neck."""
        a = self.axes
        du, dv = (a.u - self.centre[0]) / (0.80 * self.w), (a.v - self.centre[1]) / (0.92 * self.h)
        inside = 1 - _step(np.hypot(du, dv), 1.0, 1.9)
        neck = 1 - _step(a.v, self.chin_v - 0.05 * self.h, self.chin_v + 0.75 * self.h)
        border = a.size * 0.10
        edge = np.minimum(np.minimum(a.x, a.size - 1 - a.x), a.y)
        return inside * neck * _step(edge, 0.0, border)

    def _relief(self) -> NDArray[Any]:
        """How far each point lies in front of the ears, in pixels: what a turn of one radian moves sideways."""
        a = self.axes
        ears = (self.depth[at.CHEEK_LEFT] + self.depth[at.CHEEK_RIGHT]) / 2
        relief = np.clip(_spread_out(self.xy, ears - self.depth, a.size), 0, None)
        du, dv = (a.u - self.centre[0]) / (0.66 * self.w), (a.v - self.centre[1]) / (0.82 * self.h)
        return relief * (1 - _step(np.hypot(du, dv), 0.62, 1.22)) * _step(a.y, 0.0, a.size * 0.06)

    def _jaw(self) -> NDArray[Any]:
        """Skin that follows the jaw: none at the nose, some at the corners of the mouth, all at the chin."""
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
        """Takes part of a smile out: the corners come down and a little inwards. Nothing for a resting mouth."""
        a, half = self.axes, self.lips.width / 2
        down = np.zeros((GRID, GRID))
        for corner in (self.lips.u[0], self.lips.u[-1]):
            down += np.exp(-(((a.u - corner) / (0.55 * half)) ** 2) - (a.v / (0.6 * half)) ** 2)
        smile = min(1.0, self.lips.sag / (0.12 * self.lips.width))
        mouth = np.exp(-((a.u / (1.5 * half)) ** 2) - (a.v / (1.2 * half)) ** 2)
        return a.field(-a.u * mouth * 0.07 * smile, down * self.lips.sag * _SMILE_TAKEN_OUT)

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
        # The jaw's own field has reached part of its travel at the lip already; the lip makes up for the rest.
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
        """A profile along the lips, spread over the grid; 0 beyond the corners."""
        return np.interp(self.axes.u, self.lips.u, profile, left=0.0, right=0.0)

    def _lens(self) -> NDArray[Any]:
        """1 in the middle of the mouth, 0 at its corners: the outline of an opening mouth."""
        return (1 - self.t**2) ** 0.95


def _step(x: NDArray[Any], start: NDArray[Any] | float, stop: NDArray[Any] | float) -> NDArray[Any]:
    """0 below start, 1 above stop, smooth between."""
    s = np.clip((x - start) / np.maximum(np.asarray(stop) - start, 1e-6), 0, 1)
    return s * s * (3 - 2 * s)


def _ramp(distance: NDArray[Any], reach: NDArray[Any]) -> NDArray[Any]:
    """1 up to distance 0, falling to 0 at ``reach``: steep at first, so that a lip swells instead of sliding."""
    s = np.clip(distance / np.maximum(reach, 1e-6), 0, 1)
    return (1 - s) ** 1.6


def _spread_out(xy: NDArray[Any], values: NDArray[Any], size: int) -> NDArray[Any]:
    """(GRID, GRID) smooth field through scattered values: Gaussian averages, from coarse to fine where points allow."""
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
