"""Paints single frames from their controls. Frames are independent of each other."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.landmarks import FACE_OVAL
from nodes.generate._puppet.axes import GRID
from nodes.generate._puppet.eyes import STAGES, EyePatch, paint_blinks
from nodes.generate._puppet.fields import JAW_TRAVEL
from nodes.generate._puppet.motion import Controls
from nodes.generate._puppet.mouth import Mouth, redden_upper_lip
from nodes.generate._puppet.rig import COMMON, Rig, build_rig

_INVERSIONS = 4  # fixed-point steps to invert a forward field; the residue is below 0.1 px
# Linear sampling of an enlarged source looks like cubic sampling of the source itself and takes a third of its 6 ms.
_FINER = 2
# Travel of the lips for a pose of 1, as shares of the face height and of the mouth's width.
_LOWER_DRAW, _LOWER_TUCK = 0.026, 0.014
_SPREAD, _ROUND = 0.07, 0.34
_JAW = COMMON.index("jaw")
_OF_THE_SKULL = [COMMON.index(name) for name in ("yaw", "pitch", "roll", "shift_x", "shift_y")]
_PUCKER = COMMON.index("pucker")
_HIDDEN_BY_POUT = 0.70  # rounded lips protrude and shade the inside of the mouth
_NARROWED_BY_JAW = 0.07  # an opening jaw pulls the corners of the mouth inwards


class Painter:
    """Paints frames of one portrait. The constructor computes everything that does not change (about 80 ms)."""

    def __init__(self, portrait: NDArray[Any], points: NDArray[Any]) -> None:
        """portrait: (size, size, 3) uint8 RGB; points: (468, 3) float32 mesh in its pixels."""
        self.size = portrait.shape[0]
        self.rig: Rig = build_rig(points, self.size)
        self._mouth = Mouth(self.rig, portrait, points[list(FACE_OVAL), :2])
        fine = (self.size * _FINER, self.size * _FINER)
        self._source = cv2.resize(redden_upper_lip(self.rig, portrait), fine, interpolation=cv2.INTER_LANCZOS4)
        fine_points = np.append(points[:, :2] * _FINER + (_FINER - 1) / 2, points[:, 2:] * _FINER, axis=1)
        self._eyes: list[EyePatch] = paint_blinks(self._source, fine_points, self.rig.face_height * _FINER)
        self._stage = 0
        line = np.arange(self.size, dtype=np.float32)
        self._pixels = np.stack(np.meshgrid(line, line), -1)
        cell = (np.arange(GRID, dtype=np.float32) + 0.5) * np.float32(self.size / GRID) - np.float32(0.5)
        self._cells = np.stack(np.meshgrid(cell, cell), -1)
        self._to_grid = np.float32(GRID / self.size)
        middle = self.rig.seal_line[None, len(self.rig.seal_line) // 2]
        fields = self.rig.common.reshape(len(COMMON), GRID, GRID, 2)
        self._at_mouth = np.concatenate([self.rig.sample(field, middle) for field in fields])

    def frame(self, controls: Controls, index: int) -> NDArray[Any]:
        """Frame ``index`` of the clip: (size, size, 3) uint8 RGB, a new array."""
        rig = self.rig
        common, above, below = _weights(controls, index)
        shared = (common @ rig.common).reshape(GRID, GRID, 2)
        upper_field = shared + (above @ rig.upper).reshape(GRID, GRID, 2)
        lower_field = shared + (below @ rig.lower).reshape(GRID, GRID, 2)

        lip_upper = rig.lip_upper + rig.sample(upper_field, rig.lip_upper)
        lip_lower = rig.lip_lower + rig.sample(lower_field, rig.lip_lower)
        # Pressed lips may overlap; then both contours move to the line halfway between them.
        crossed = ((lip_lower - lip_upper) @ rig.down < 0)[:, None]
        halfway = (lip_upper + lip_lower) / 2
        lip_upper, lip_lower = np.where(crossed, halfway, lip_upper), np.where(crossed, halfway, lip_lower)

        source_of = self._upsampled(self._inverse(upper_field))
        self._take_lower(source_of, self._inverse(lower_field), halfway)
        source_of += self._pixels
        source_of *= _FINER
        source_of += np.float32((_FINER - 1) / 2)
        self._blink(round(float(controls.blink[index]) * STAGES))
        whole, fraction = cv2.convertMaps(source_of, None, cv2.CV_16SC2)
        image = cv2.remap(self._source, whole, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

        skull = common[_OF_THE_SKULL] @ self._at_mouth[_OF_THE_SKULL]
        jaw = skull + common[_JAW] * JAW_TRAVEL * rig.face_height * rig.down
        light = 1 - _HIDDEN_BY_POUT * float(common[_PUCKER]) ** 2
        self._mouth.paint(image, lip_upper, lip_lower, skull, jaw, light)
        return image

    def _inverse(self, field: NDArray[Any]) -> NDArray[Any]:
        """(GRID, GRID, 2) offset from a pixel of the frame to its source: the inverse of a forward field."""
        back = -field
        for _ in range(_INVERSIONS):
            where = (self._cells + back + np.float32(0.5)) * self._to_grid - np.float32(0.5)
            back = -cv2.remap(field, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return back

    def _upsampled(self, field: NDArray[Any]) -> NDArray[Any]:
        return cv2.resize(field, (self.size, self.size), interpolation=cv2.INTER_LINEAR)

    def _take_lower(self, source_of: NDArray[Any], lower: NDArray[Any], line: NDArray[Any]) -> None:
        """Below the line between the lips, replace the upper displacement by the lower one, in place.

        source_of: (size, size, 2); lower: (GRID, GRID, 2), upsampled only in the box where it is needed.
        """
        rig = self.rig
        depth = 0.75 * rig.face_height * rig.down
        flare = 0.35 * rig.mouth_width * rig.right  # rounded lips are narrower than the chin's share of the lower sum
        outline = np.concatenate([line, line[-1:] + depth + flare, line[:1] + depth - flare])
        low = np.maximum(np.floor(outline.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(outline.max(0)).astype(int) + 1, self.size)
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(mask, [np.round((outline - low) * 16).astype(np.int32)], 1, cv2.LINE_8, shift=4)
        box = np.s_[low[1] : high[1], low[0] : high[0]]
        on_grid = (self._pixels[box] + np.float32(0.5)) * self._to_grid - np.float32(0.5)
        fine = cv2.remap(lower, on_grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cv2.copyTo(fine, mask, source_of[box])

    def _blink(self, stage: int) -> None:
        if stage == self._stage:
            return
        self._stage = stage
        for eye in self._eyes:
            patch = eye.stages[stage]
            self._source[eye.top : eye.top + patch.shape[0], eye.left : eye.left + patch.shape[1]] = patch


def _weights(c: Controls, i: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Weights of the rig's fields, in the order of COMMON, UPPER and LOWER. Pressed lips override an open jaw."""
    free = 1 - c.press[i]
    jaw = c.jaw[i] * free
    spread, pucker = max(float(c.wide[i]), 0.0), max(-float(c.wide[i]), 0.0)
    common = [
        *(c.yaw[i], c.pitch[i], c.roll[i], c.shift_x[i], c.shift_y[i], jaw),
        *(_SPREAD * spread - _ROUND * pucker - _NARROWED_BY_JAW * jaw, pucker, c.brow[i], c.cheek[i], 1.0),
    ]
    lower = c.lower[i] * free
    above = [1.0, c.upper[i] * free, jaw, c.press[i]]
    below = [1.0, lower * (_LOWER_DRAW if lower > 0 else _LOWER_TUCK), jaw, c.press[i]]
    return np.array(common, np.float32), np.array(above, np.float32), np.array(below, np.float32)
