"""Takes the face out of a frame, and puts the painted mouth back so that its edge does not show.

Positions are not rounded to pixels, so a face that moves slowly does not tremble.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes.generate._wav2lip.smoothing import Box

SIDE = 96
_BLUR = 0.3  # standard deviation before the face is reduced, in pixels of the reduced face
# The mouth with the chin, from below the nose, as shares of the face's box: an ellipse.
_MOUTH_CENTRE = (0.5, 0.77)
_MOUTH_RADII = (0.4, 0.23)


@dataclass(frozen=True)
class Blending:
    """How the mouth is put back.

    Attributes:
        mask: (96, 96) float32: 1 where the image is the painted one, 0 where it stays.
        match_colour: shift the colours of the painted face so that they agree along the edge of the mask.
    """

    mask: NDArray[Any]
    match_colour: bool

    def changed(self, face: Box) -> Box:
        """The part of a face's box that the mask changes."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        across, down = face.width / SIDE, face.height / SIDE
        return Box(  # a pixel more, because the mask is interpolated
            face.left + (columns[0] - 1) * across,
            face.top + (rows[0] - 1) * down,
            face.left + (columns[-1] + 2) * across,
            face.top + (rows[-1] + 2) * down,
        )


def mouth_mask(feather: float, *, mouth_only: bool) -> NDArray[Any]:
    """(96, 96) float32, 0 to 1: the mouth and the chin, or the whole lower half of the face, with soft edges inside.

    Args:
        feather: width of the soft edge as a share of the face.
    """
    line = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    x, y = line[None, :], line[:, None]
    if mouth_only:
        (x0, y0), (a, b) = _MOUTH_CENTRE, _MOUTH_RADII
        inside = (1 - np.hypot((x - x0) / a, (y - y0) / b)) * min(a, b)  # about the distance from the edge
    else:
        inside = np.minimum(np.minimum(x, 1 - x), np.minimum(y - 0.5, 1 - y))
    share = np.clip(inside / feather, 0, 1)
    mask: NDArray[Any] = (share * share * (3 - 2 * share)).astype(np.float32)
    return mask


def taken(rgb: NDArray[Any], box: Box) -> NDArray[Any]:
    """The (96, 96, 3) uint8 face in a box of an (H, W, 3) uint8 frame; beyond its edges, the edge goes on."""
    scale = max(box.width, box.height) / SIDE
    room = math.ceil(2 * scale) + 1
    height, width = rgb.shape[:2]
    left, top = _within(box.left - room, width), _within(box.top - room, height)
    right, bottom = _within(box.right + room, width) + 1, _within(box.bottom + room, height) + 1
    region = rgb[top:bottom, left:right]
    if scale > 1.5:  # bilinear sampling of a large face would alias, and flicker while it moves
        region = cv2.GaussianBlur(region, (0, 0), _BLUR * scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    face: NDArray[Any] = cv2.warpAffine(
        region, _to_pixels(box, left, top), (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return face


def put_back(rgb: NDArray[Any], box: Box, before: NDArray[Any], face: NDArray[Any], blending: Blending) -> NDArray[Any]:
    """A copy of the (H, W, 3) uint8 frame with the mouth of ``face``. Pixels outside the mask are the same bits.

    Args:
        before: (96, 96, 3) uint8: the face as it was taken out of the box.
        face: (96, 96, 3) float32, 0 to 255: the painted one.
    """
    changed = blending.changed(box)
    left, top = max(0, math.floor(changed.left)), max(0, math.floor(changed.top))
    right, bottom = min(rgb.shape[1], math.ceil(changed.right)), min(rgb.shape[0], math.ceil(changed.bottom))
    made = rgb.copy()
    if right <= left or bottom <= top:
        return made
    if blending.match_colour:
        face = face + _colour_shift(before, face, blending.mask)
    to_face = _from_pixels(box, left, top)
    size = right - left, bottom - top
    inverse = cv2.WARP_INVERSE_MAP
    painted = cv2.warpAffine(face, to_face, size, flags=cv2.INTER_CUBIC | inverse, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(blending.mask, to_face, size, flags=cv2.INTER_LINEAR | inverse)[..., None]
    region = rgb[top:bottom, left:right].astype(np.float32)
    made[top:bottom, left:right] = np.rint(np.clip(region + mask * (painted - region), 0, 255)).astype(np.uint8)
    return made


def _colour_shift(before: NDArray[Any], face: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """(3,) float32: the mean difference of the colours where the mask is neither 0 nor 1."""
    edge = (mask * (1 - mask))[..., None]
    total = float(edge.sum())
    if not total:
        return np.zeros(3, np.float32)
    shift: NDArray[Any] = ((edge * (before - face)).sum((0, 1)) / total).astype(np.float32)
    return shift


def _within(at: float, length: int) -> int:
    """The index of a pixel, in the frame."""
    return min(max(math.floor(at), 0), length - 1)


def _to_pixels(box: Box, left: int, top: int) -> NDArray[Any]:
    """(2, 3): from the index of a pixel of the face to that of the region that starts at ``left`` and ``top``."""
    across, down = box.width / SIDE, box.height / SIDE
    return np.array([[across, 0, box.left + across / 2 - left - 0.5], [0, down, box.top + down / 2 - top - 0.5]])


def _from_pixels(box: Box, left: int, top: int) -> NDArray[Any]:
    """(2, 3): from the index of a pixel of the region that starts at ``left`` and ``top`` to that of the face."""
    across, down = SIDE / box.width, SIDE / box.height
    return np.array(
        [[across, 0, (left + 0.5 - box.left) * across - 0.5], [0, down, (top + 0.5 - box.top) * down - 0.5]]
    )
