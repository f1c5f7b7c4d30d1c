"""The colours that the animation invents, in the portrait's tones: a grey photo gets a grey mouth, sepia a brown one.

A toned photo has one colour for each lightness, and a colour photo many. So the colours of the face are fitted as a
function of their lightness (CIELAB), and what is left decides how much of an invented colour's own hue is kept.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_TONED, _COLOURED = 1.0, 3.0  # colours beside the fit, in CIELAB units: noise of a JPEG, and the least of real faces
_SIDE = 96


class Tones:
    """The tones of one portrait.

    Args:
        portrait: (size, size, 3) uint8 RGB.
        outline: (N, 2) outline of the face in its pixels.
    """

    def __init__(self, portrait: NDArray[Any], outline: NDArray[Any]) -> None:
        scale = _SIDE / portrait.shape[0]
        small = cv2.resize(portrait, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(outline * scale).astype(np.int32)), 1)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[mask > 0]
        curve = _curve(lab[:, :1])
        self._fit = np.linalg.lstsq(curve, lab[:, 1:], rcond=None)[0]
        beside = float(np.sqrt(((lab[:, 1:] - curve @ self._fit) ** 2).sum(1).mean()))
        self.colourful = float(np.clip((beside - _TONED) / (_COLOURED - _TONED), 0, 1))

    def of(self, colour: NDArray[Any]) -> NDArray[Any]:
        """A colour, (3,) RGB from 0 to 255, in these tones. Unchanged for a portrait in colour."""
        if self.colourful == 1:
            return colour.astype(np.float32)
        lab = cv2.cvtColor((np.clip(colour, 0, 255) / 255).astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0]
        toned = _curve(lab[:, :1]) @ self._fit
        lab[:, 1:] = toned + (lab[:, 1:] - toned) * self.colourful
        return np.clip(cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0, 0] * 255, 0, 255)


def _curve(light: NDArray[Any]) -> NDArray[Any]:
    """(N, 1) lightness from 0 to 100 -> (N, 3) terms. They vanish at black and white, where no tone has a colour."""
    share = np.clip(light / 100, 0, 1)
    arch = share * (1 - share)
    return np.concatenate([arch, arch * share, arch * share**2], axis=1)
