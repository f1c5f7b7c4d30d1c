"""Keeps a face whole in the frame: judges images, fits a portrait into another aspect, and looks through a clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face import FaceModels, MeasuredFace, measured_faces
from nodes.sdk import Context, NodeError

_MOST_CUT = 0.02  # share of a face's outline; the mesh is not more exact
_HAIR, _SIDES, _NECK = 0.6, 0.25, 0.3  # room around a face, in its heights, so that the head is whole too
_LOOKED_AT = 25  # frames of a clip


def what_is_wrong(faces: Sequence[MeasuredFace]) -> str:
    """Why an image does not show exactly one whole face; "" if it does."""
    if not faces:
        return "no face of a person was found"
    if len(faces) > 1:
        return f"it shows {len(faces)} faces"
    if faces[0].cut > _MOST_CUT:
        return f"the face is cut off: {100 * faces[0].cut:.0f} % of its outline is outside"
    return ""


def fitted(
    rgb: NDArray[Any], width: int, height: int, face: MeasuredFace | None, fit: Literal["auto", "crop", "pad"]
) -> tuple[NDArray[Any], str]:
    """An (H, W, 3) uint8 image in another size with the head whole, and what was done to it.

    ``crop`` cuts what does not fit, around the face. ``pad`` shows the whole image on a blurred enlargement of itself.
    ``auto`` crops where the head stays whole, else it pads. Raises NodeError if a crop would cut the face.
    """
    image_height, image_width = rgb.shape[:2]
    scale = max(width / image_width, height / image_height)
    window = width / scale, height / scale
    if fit != "pad":
        sides = (image_width, image_height)
        corner = [_start(*_head(face, axis, sides[axis]), window[axis], sides[axis]) for axis in (0, 1)]
        if None not in corner:
            left, top = (round(at or 0.0) for at in corner)
            cut = rgb[top : top + round(window[1]), left : left + round(window[0])]
            lost = 1 - cut.shape[0] * cut.shape[1] / (image_height * image_width)
            return _resized(cut, width, height), f"cropped, {100 * lost:.0f} % cut off" if lost > 0.005 else "resized"
        if fit == "crop":
            raise NodeError(
                "the head does not fit in a crop of this aspect",
                where="params.fit",
                seen=f"a head in an image of {image_width} x {image_height} px, for {width} x {height} px",
                allowed="auto, pad",
                remedy="Use fit=auto, which pads this image, or another width and height.",
            )
    inner = min(width / image_width, height / image_height)
    inner_width, inner_height = round(image_width * inner), round(image_height * inner)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    across, down = round(window[0]), round(window[1])
    x, y = (image_width - across) // 2, (image_height - down) // 2
    canvas = cv2.GaussianBlur(
        _resized(rgb[y : y + down, x : x + across], width, height), (0, 0), max(width, height) / 40
    )
    canvas[top : top + inner_height, left : left + inner_width] = _resized(rgb, inner_width, inner_height)
    return canvas, f"padded to {width} x {height} px"


def look_through(ctx: Context, frames: Sequence[NDArray[Any]], models: FaceModels) -> float:
    """The share of frames with a whole face, of at most 25 that are looked at. Says where it is missing."""
    indices = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).round().astype(int))
    lost = []
    for done, index in enumerate(indices):
        faces = measured_faces(frames[index], models)
        if not faces or faces[0].cut > _MOST_CUT:
            lost.append(int(index))
        ctx.progress(done + 1, len(indices), "frames looked at")
    if lost:
        ctx.log(
            f"{len(lost)} of {len(indices)} frames do not show the whole face, the first is frame {lost[0]}. "
            "Less motion, another seed or more room around the face can help."
        )
    return 1 - len(lost) / len(indices)


def _head(face: MeasuredFace | None, axis: int, side: int) -> tuple[float, float]:
    """Where the head begins and ends along an axis; without a face, the middle of the image."""
    if face is None:
        return side / 2, side / 2
    left, top, right, bottom = face.box
    size = bottom - top
    begin, end = (
        (left - _SIDES * size, right + _SIDES * size) if axis == 0 else (top - _HAIR * size, bottom + _NECK * size)
    )
    return max(0.0, begin), min(float(side), end)


def _start(begin: float, end: float, window: float, side: int) -> float | None:
    """Where a window along an axis begins that has the head in its middle; None if the head is larger."""
    if end - begin > window + 1:
        return None
    return min(max((begin + end - window) / 2, 0.0), side - window)


def _resized(rgb: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    reduces = rgb.shape[0] > height
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if reduces else cv2.INTER_CUBIC)
