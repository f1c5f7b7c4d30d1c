"""The eyes at every stage of a blink, painted once per portrait.

The lid is made from skin: the strip between brow and lashes is stretched down over the eye, the lashes move rigidly
with its edge, and the eyeball stays in place. Each frame copies its stage over the open eyes before the warp.
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

STAGES = 10
_LASHES = 0.011  # height of the lash line, as a share of the face height


@dataclass(frozen=True)
class EyePatch:
    """stages: (STAGES + 1, h, w, 3) uint8, from open to shut, for the rectangle at left, top."""

    left: int
    top: int
    stages: NDArray[Any]


def paint_blinks(portrait: NDArray[Any], points: NDArray[Any], face_height: float) -> list[EyePatch]:
    """Both eyes of a (size, size, 3) uint8 portrait with its (468, 3) mesh. About 10 ms."""
    left = (at.EYE_LEFT_UPPER, at.EYE_LEFT_LOWER, at.BROW_LEFT)
    right = (at.EYE_RIGHT_UPPER, at.EYE_RIGHT_LOWER, at.BROW_RIGHT)
    return [_paint(portrait, points[:, :2].astype(np.float64), face_height, *eye) for eye in (left, right)]


def _paint(
    portrait: NDArray[Any],
    xy: NDArray[Any],
    face_height: float,
    upper: tuple[int, ...],
    lower: tuple[int, ...],
    brow: tuple[int, ...],
) -> EyePatch:
    size = portrait.shape[0]
    inner, outer = xy[upper[0]], xy[upper[-1]]
    width = float(np.linalg.norm(outer - inner))
    right = (outer - inner) / width
    down = np.array([-right[1], right[0]])

    def local(indices: tuple[int, ...]) -> NDArray[Any]:
        offset = xy[list(indices)] - inner
        return np.stack([offset @ right, offset @ down], -1)

    reach = 0.16 * width  # the lid's fold continues beyond the corners
    low = np.floor(xy[list(upper + lower + brow)].min(0) - 0.1 * width).astype(int).clip(0, size - 1)
    high = np.ceil(xy[list(upper + lower)].max(0) + 0.25 * width).astype(int).clip(0, size - 1)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    u = (x - inner[0]) * right[0] + (y - inner[1]) * right[1]
    v = (x - inner[0]) * down[0] + (y - inner[1]) * down[1]

    upper_line, lower_line = _line(local(upper), u), _line(local(lower), u)
    lower_line = np.maximum(lower_line, upper_line)
    brow_low = np.interp(u, *_lower_edge(local(brow)))
    opening = lower_line - upper_line
    # The upper end of the stretched skin: under the brow, tapering to the lid itself beyond the corners.
    beyond = np.clip(np.maximum(-u, u - width) / reach, 0, 1)
    fold = upper_line - np.maximum(0.75 * (upper_line - brow_low), 0.02 * face_height) * (1 - 0.3 * beyond)
    lash = _LASHES * face_height
    open_here = np.clip(opening / (0.030 * face_height), 0, 1)  # nothing changes beyond the corners
    skin = _lid_colour(portrait, x, y, v, upper_line, fold, lash)

    stages = []
    for stage in range(STAGES + 1):
        shut = stage / STAGES
        edge = upper_line + shut * opening
        above = edge - v  # pixels above the lid's edge
        room = np.maximum(edge - lash - fold, 1e-3)
        stretched = fold + (v - fold) * np.maximum(upper_line - lash - fold, 0.5) / room
        source_v = np.where(above <= lash, upper_line - above, stretched)
        source_v = np.where(v < fold, v, source_v)
        shift = source_v - v
        map_x, map_y = (x + shift * down[0]).astype(np.float32), (y + shift * down[1]).astype(np.float32)
        lid = cv2.remap(portrait, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        # A thin strip stretched over the whole eye amplifies its noise, so blend it towards the lid's colour.
        thin = np.clip(shut * 0.55, 0, 1) * _band(v, fold, edge - lash, 0.02 * face_height)
        thin = (thin * open_here)[..., None]
        lid = lid * (1 - thin) + skin * thin
        line = np.exp(-(((above - 0.35 * lash) / (0.55 * lash)) ** 2)) * open_here
        lid *= (1 - 0.45 * shut * line)[..., None]
        under = np.exp(-np.clip(-above, 0, None) / (0.014 * face_height)) * shut * 0.30 * open_here
        ball = portrait[low[1] : high[1] + 1, low[0] : high[0] + 1].astype(np.float32) * (1 - under)[..., None]
        cover = np.clip(above + 0.5, 0, 1)  # a lid's edge, one pixel soft
        cover = (cover * np.clip(opening / 0.5, 0, 1))[..., None]
        stages.append(np.clip(ball * (1 - cover) + lid * cover + 0.5, 0, 255).astype(np.uint8))
    stages[0] = portrait[low[1] : high[1] + 1, low[0] : high[0] + 1].copy()
    return EyePatch(int(low[0]), int(low[1]), np.stack(stages))


def _line(points: NDArray[Any], u: NDArray[Any]) -> NDArray[Any]:
    """v along a lid: a smooth fourth-degree polynomial through the landmarks, constant beyond the corners."""
    order = np.argsort(points[:, 0])
    knots_u, knots_v = points[order, 0], points[order, 1]
    fine = np.linspace(knots_u[0], knots_u[-1], 64)
    fit = np.polynomial.Polynomial.fit(knots_u, knots_v, 4)(fine)
    return np.interp(u, fine, fit)


def _lower_edge(brow: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    edge = brow[5:]
    order = np.argsort(edge[:, 0])
    return edge[order, 0], edge[order, 1]


def _lid_colour(
    portrait: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    v: NDArray[Any],
    upper_line: NDArray[Any],
    fold: NDArray[Any],
    lash: float,
) -> NDArray[Any]:
    """(3,) median colour of the lid's skin, between fold and lashes."""
    inside = (v > fold + 0.3 * (upper_line - fold)) & (v < upper_line - 1.3 * lash)
    pixels = portrait[y[inside], x[inside]] if inside.any() else portrait[y.ravel(), x.ravel()]
    return np.median(pixels.astype(np.float32), axis=0)


def _band(x: NDArray[Any], start: NDArray[Any] | float, stop: NDArray[Any] | float, soft: float) -> NDArray[Any]:
    """1 between start and stop, falling off over ``soft`` inside both ends."""
    return np.clip((x - start) / soft, 0, 1) * np.clip((stop - x) / soft, 0, 1)
