"""The inside of the mouth: a dark cavity, upper teeth that follow the skull, lower teeth and tongue on the jaw."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes.generate._puppet.lips import ALONG, INSET_LOWER, INSET_UPPER
from nodes.generate._puppet.rig import Rig
from nodes.generate._puppet.tones import Tones

_UPPER_SHOWN = 0.016  # how far the upper teeth extend below the line of the closed lips, as a share of the face height
_LOWER_SHOWN = 0.010  # how far the lower teeth extend above the lower lip; they move with the jaw
_SUPER = 2  # textures are painted at twice the output's resolution


class Mouth:
    """The inside of one portrait's mouth. Its RGBA textures, in the face's axes, are painted once."""

    def __init__(self, rig: Rig, portrait: NDArray[Any], outline: NDArray[Any]) -> None:
        """portrait: (size, size, 3) uint8 RGB; outline: (N, 2) outline of the face in its pixels."""
        self.rig = rig
        skin, lip = _colours(rig, portrait)
        light = float(skin.mean()) / 190
        self._tones = Tones(portrait, outline)
        self._cavity = self._tones.of(np.array([46, 16, 15]) * np.clip(light, 0.5, 1.15))
        self.lip_line = self._tones.of(lip * np.array([0.46, 0.33, 0.30], np.float32))
        self._half_w, self._half_h = 0.62 * rig.mouth_width, 0.45 * rig.mouth_width
        self._seal_v = float(rig.to_face(rig.seal_line[None, len(rig.seal_line) // 2])[0, 1])
        self._upper = self._own_teeth(portrait) if rig.parted else self._teeth(light, upper=True)
        self._lower = self._jaw_floor(light)

    def paint(
        self,
        image: NDArray[Any],
        upper: NDArray[Any],
        lower: NDArray[Any],
        skull_shift: NDArray[Any],
        jaw_shift: NDArray[Any],
        light: float,
    ) -> None:
        """Paint into a (size, size, 3) uint8 frame, in place.

        Args:
            upper, lower: (SAMPLES, 2) the lips' inner contours in the frame.
            skull_shift, jaw_shift: (2,) motion of skull and jaw at the mouth, in pixels.
            light: 0 to 1, the share of the light that enters the mouth.
        """
        rig = self.rig
        apart = ((lower - upper) @ rig.down).clip(0, None) * np.clip((1 - np.abs(ALONG)) / 0.10, 0, 1)
        middle = (upper + lower) / 2
        # Closed lips meet in a thin dark line, which also hides the seam between the two fields.
        least = 0.0035 * rig.face_height * np.sqrt(1 - ALONG**2)
        half = (np.maximum(apart, least) / 2)[:, None] * rig.down
        outline = np.concatenate([middle - half, (middle + half)[::-1]])
        pad = max(6, round(0.04 * rig.face_height))
        low = np.maximum(np.floor(outline.min(0)).astype(int) - pad, 0)
        high = np.minimum(np.ceil(outline.max(0)).astype(int) + pad, rig.size - 1) + 1
        if np.any(high - low < 4):
            return
        width, height = (int(n) for n in high - low)
        hole = np.zeros((height, width), np.uint8)
        fixed = np.round((outline - low) * 16).astype(np.int32)
        cv2.fillPoly(hole, [fixed], 255, cv2.LINE_AA, shift=4)
        cover = cv2.GaussianBlur(hole, (0, 0), max(0.5, 0.0035 * rig.face_height)).astype(np.float32) / 255
        deep = cv2.GaussianBlur(hole, (0, 0), 0.020 * rig.face_height).astype(np.float32) / 255
        inside = np.empty((height, width, 3), np.float32)
        inside[:] = self._cavity
        for texture, shift in ((self._lower, jaw_shift), (self._upper, skull_shift)):
            layer = self._place(texture, shift - low, width, height)
            alpha = layer[..., 3:]
            inside += (layer[..., :3] - inside) * (alpha / 255)
        # The light fades towards the inside of the mouth, most of all under the upper lip.
        shade = np.clip(deep * 1.25, 0, 1)
        opened = np.clip(apart.max() / (0.020 * rig.face_height), 0, 1)
        # Shade towards the cavity's red, because towards black the teeth would look grey.
        inside = self._cavity + (inside - self._cavity) * (light * (0.25 + 0.75 * shade))[..., None]
        colour = self.lip_line + (inside - self.lip_line) * opened
        box = image[low[1] : high[1], low[0] : high[0]]
        blended = box + (colour - box) * cover[..., None]
        box[:] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)

    def _place(self, texture: NDArray[Any], offset: NDArray[Any], width: int, height: int) -> NDArray[Any]:
        """The texture in the window whose corner is at ``-offset``: (height, width, 4) float32."""
        rig = self.rig
        matrix = np.empty((2, 3))
        matrix[:, 0], matrix[:, 1] = rig.right / _SUPER, rig.down / _SUPER
        matrix[:, 2] = rig.origin + offset - self._half_w * rig.right + (self._seal_v - self._half_h) * rig.down
        return cv2.warpAffine(
            texture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        ).astype(np.float32)

    def _canvas(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """An empty texture, and (t, d) of its pixels: t -1 to 1 across the mouth, d pixels below the closed lips."""
        columns, rows = int(2 * self._half_w * _SUPER), int(2 * self._half_h * _SUPER)
        u, v = np.meshgrid(np.arange(columns) / _SUPER - self._half_w, np.arange(rows) / _SUPER - self._half_h)
        return np.zeros((rows, columns, 4), np.float32), u / (self.rig.mouth_width / 2), v

    def _teeth(self, light: float, *, upper: bool) -> NDArray[Any]:
        """A row of teeth: off-white, darker at the sides, with faint gaps and soft biting edges."""
        texture, t, d = self._canvas()
        h = self.rig.face_height
        width = np.where(np.abs(t) < 0.20, 0.20, 0.16) if upper else np.full_like(t, 0.13)
        along = np.abs(t) / width % 1  # 0 and 1 between two teeth
        gap = 1 - 0.07 * np.exp(-(np.minimum(along, 1 - along) ** 2) / 0.006)
        curve = 0.012 * h * t**2
        if upper:
            edge = _UPPER_SHOWN * h - curve
            alpha = np.clip((edge - d) / (0.006 * h) + 0.5, 0, 1)
        else:
            edge = curve - _LOWER_SHOWN * h
            alpha = np.clip((d - edge) / (0.006 * h) + 0.5, 0, 1) * np.clip((0.06 * h + edge - d) / (0.01 * h), 0, 1)
        side = np.clip(1.0 - 0.75 * t**2, 0.15, 1)
        colour = self._tones.of(np.array([226, 214, 196])) * np.clip(light, 0.45, 1.1) * (1.0 if upper else 0.70)
        texture[..., :3] = colour * (gap * side)[..., None]
        texture[..., 3] = 255 * alpha * np.clip((0.92 - np.abs(t)) / 0.15, 0, 1)
        return np.clip(texture, 0, 255).astype(np.uint8)

    def _own_teeth(self, portrait: NDArray[Any]) -> NDArray[Any]:
        """The portrait's own upper teeth, cut out between its parted lips."""
        rig = self.rig
        texture, t, _ = self._canvas()
        rows, columns = texture.shape[:2]
        matrix = np.empty((2, 3))
        matrix[:, 0], matrix[:, 1] = rig.right / _SUPER, rig.down / _SUPER
        matrix[:, 2] = rig.origin - self._half_w * rig.right + (self._seal_v - self._half_h) * rig.down
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        own = cv2.warpAffine(portrait, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        # The contours are inset into the lips, so move them back out, and slightly further.
        h = rig.face_height
        upper = rig.lip_upper + (INSET_UPPER + 0.004) * h * rig.down
        lower = rig.lip_lower - (INSET_LOWER + 0.004) * h * rig.down
        outline = np.concatenate([upper, lower[::-1]]) - matrix[:, 2]
        texels = np.stack([outline @ rig.right, outline @ rig.down], -1) * _SUPER
        mask = np.zeros((rows, columns), np.uint8)
        cv2.fillPoly(mask, [np.round(texels * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.005 * rig.face_height * _SUPER)
        texture[..., :3] = own
        texture[..., 3] = soft * np.clip(1.15 - np.abs(t) ** 3, 0, 1)
        return np.clip(texture, 0, 255).astype(np.uint8)

    def _jaw_floor(self, light: float) -> NDArray[Any]:
        """Tongue and lower teeth; they sink with the jaw."""
        texture, t, d = self._canvas()
        h = self.rig.face_height
        top = -0.062 * h + 0.080 * h * (t / 0.66) ** 2  # a dome behind the lower teeth
        near = np.clip((d - top) / (0.060 * h), 0, 1)  # the tongue's tip is nearer to the light than its root
        groove = 1 - 0.12 * np.exp(-((t / 0.07) ** 2))
        texture[..., :3] = self._tones.of(np.array([150, 72, 70])) * light * ((0.42 + 0.58 * near) * groove)[..., None]
        texture[..., 3] = 225 * np.clip((d - top) / (0.035 * h), 0, 1)
        teeth = self._teeth(light, upper=False).astype(np.float32)
        alpha = teeth[..., 3:] / 255 * 0.8
        texture[..., :3] += (teeth[..., :3] - texture[..., :3]) * alpha
        texture[..., 3] = np.maximum(texture[..., 3], teeth[..., 3])
        return np.clip(texture, 0, 255).astype(np.uint8)


def redden_upper_lip(rig: Rig, portrait: NDArray[Any]) -> NDArray[Any]:
    """A copy of the portrait with a fuller upper lip if a broad smile has thinned it; unchanged for closed lips.

    A smiling upper lip, moved down over the teeth, would show almost no red. Therefore a soft band above its edge takes
    on part of the lower lip's colour, but not its brightness.
    """
    if not rig.parted:
        return portrait.copy()
    size, h = rig.size, rig.face_height
    height = (0.024 * h * (1 - ALONG**4))[:, None] * rig.down
    outline = np.concatenate([rig.lip_upper - height, (rig.lip_upper + 0.004 * h * rig.down)[::-1]])
    band = np.zeros((size, size), np.uint8)
    cv2.fillPoly(band, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    alpha = cv2.GaussianBlur(band, (0, 0), 0.007 * h).astype(np.float32)[..., None] / 255 * 0.55
    _, lip = _colours(rig, portrait)
    grey = portrait.astype(np.float32).mean(-1, keepdims=True)
    tinted = grey / lip.mean() * lip * 0.97
    return np.clip(portrait + (tinted - portrait) * alpha + 0.5, 0, 255).astype(np.uint8)


def _colours(rig: Rig, portrait: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Median colours of the skin (cheeks) and of the lower lip: (3,) float32 each."""
    cheeks = rig.to_image(np.array([[side * 0.30 * rig.face_width, -0.12 * rig.face_height] for side in (-1, 1)]))
    lip = rig.lip_lower[10:-10] + 0.016 * rig.face_height * rig.down
    return _median(portrait, cheeks, 0.03 * rig.face_height), _median(portrait, lip, 1.0)


def _median(portrait: NDArray[Any], points: NDArray[Any], radius: float) -> NDArray[Any]:
    r = max(1, round(radius))
    size = portrait.shape[0]
    spots = []
    for x, y in np.round(points).astype(int).clip(0, size - 1):
        spots.append(portrait[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].reshape(-1, 3))
    return np.median(np.concatenate(spots), axis=0).astype(np.float32)
