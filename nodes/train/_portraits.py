"""Judges training images one by one: which are used, which are left out, and why.

Near duplicates are found by a difference hash: 256 comparisons of neighbouring pixels in a 17 x 16 grey thumbnail.
Copies in another size, format or quality differ in a few of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nodes._face import FaceModels, measured_faces, read_image
from nodes.sdk import Field, NodeError, NodeModel
from nodes.train._archive import GivenImage

LEAST_IMAGES = 5
GOOD_IMAGES = 15
LEAST_FACE_PX = 64
LEAST_SHARPNESS = 25.0  # variance of the Laplacian; sharp portraits have several hundred
SAME_BITS = 24  # of 256
_OTHER_FACE = 0.5  # a second face of this share of the largest counts as a second person
_SEARCH_PX = 1024  # longer side of the image in which faces are searched
_FORMATS = ("PNG", "JPEG", "WEBP")

Verdict = Literal["used", "unreadable", "no_face", "several", "small", "blurred", "duplicate"]


class Judged(NodeModel):
    """One image of the archive, as the report shows it."""

    name: str = Field(description="Its path in the archive.")
    verdict: Verdict = Field(description="used, or why it was left out.")
    sentence: str = Field("", description="The reason in words.")
    sha256: str = Field(description="Of the file.")
    width: int = Field(0, description="Pixels.")
    height: int = Field(0, description="Pixels.")
    face: tuple[float, float, float, float] | None = Field(
        None, description="The face: left, top, right, bottom in pixels."
    )
    sharpness: float = Field(0.0, description="Of the face.")
    caption: str = Field("", description="What the training says that it shows.")
    digest: str = Field("", description="Its difference hash, 64 hex digits.")


def judge(
    images: Sequence[GivenImage],
    caption_of: Callable[[str], str],
    resolution: int,
    models: FaceModels | None = None,
    progress: Callable[[int], None] = lambda done: None,
    *,
    enough: int | None = None,
) -> list[Judged]:
    """A verdict for each image, in their order. Takes about 0.1 CPU seconds for each.

    Args:
        enough: stop once so many can be used; None judges all.
        caption_of: from the caption that was given ("" for none) to the one that is used.
        resolution: of the training; an image of less than half of it is left out.
    """
    judged: list[Judged] = []
    for index, image in enumerate(images):
        one = _judge(image, resolution, models)
        if one.verdict == "used":
            same = next((old for old in judged if old.verdict == "used" and _same(old.digest, one.digest)), None)
            if same is not None:
                one = _out(one, "duplicate", f"It shows the same as {same.name}.")
        judged.append(one.model_copy(update={"caption": caption_of(image.caption)}))
        progress(index + 1)
        if enough is not None and sum(one.verdict == "used" for one in judged) >= enough:
            break
    return judged


def require_enough(judged: Sequence[Judged]) -> list[str]:
    """Sentences that warn about the set. Raises NodeError, with all verdicts, if too few images are left."""
    used = sum(one.verdict == "used" for one in judged)
    left_out = [one for one in judged if one.verdict != "used"]
    reasons = "; ".join(f"{one.name}: {one.sentence}" for one in left_out)
    if used < LEAST_IMAGES:
        raise NodeError(
            "too few images can be used for a training",
            where="input.images",
            seen=f"{used} of {len(judged)} can be used" + (f". {reasons}" if reasons else ""),
            allowed=f"at least {LEAST_IMAGES} different, sharp portraits of one person, better {GOOD_IMAGES} or more",
            remedy="Add photographs of the person from several sides, in different light and clothes.",
            verdicts=[one.model_dump(include={"name", "verdict", "sentence"}) for one in judged],
        )
    warnings = []
    if used < GOOD_IMAGES:
        warnings.append(f"{used} images are few: with {GOOD_IMAGES} or more a LoRA learns the person, not the photos.")
    if left_out:
        warnings.append(f"{len(left_out)} of {len(judged)} images are left out. {reasons}")
    return warnings


def difference_hash(rgb: NDArray[Any]) -> str:
    """64 hex digits for an (H, W, 3) uint8 image; close ones for images that look the same."""
    grey = Image.fromarray(rgb).convert("L").resize((17, 16), Image.Resampling.BOX)
    pixels = np.asarray(grey).astype(np.int16)
    return np.packbits(pixels[:, 1:] > pixels[:, :-1]).tobytes().hex()


def _judge(image: GivenImage, resolution: int, models: FaceModels | None) -> Judged:
    with image.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    found = Judged(name=image.name, verdict="used", sha256=sha256)
    try:
        rgb = _decoded(image.path)
    except NodeError as error:
        return _out(found, "unreadable", f"It cannot be decoded: {error.seen}.")
    height, width = rgb.shape[:2]
    found = found.model_copy(update={"width": width, "height": height, "digest": difference_hash(rgb)})
    if min(width, height) < resolution / 2:
        return _out(found, "small", f"It has {width} x {height} px, less than half of the resolution {resolution}.")
    scale = min(1.0, _SEARCH_PX / max(width, height))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    faces = sorted(measured_faces(small, models), key=lambda face: face.size, reverse=True)
    if not faces:
        return _out(found, "no_face", "No face of a person was found in it.")
    face = faces[0]
    box = tuple(round(float(value) / scale, 1) for value in face.box)
    found = found.model_copy(update={"face": box, "sharpness": round(face.sharpness, 1)})
    if len(faces) > 1 and faces[1].size > _OTHER_FACE * face.size:
        return _out(found, "several", f"It shows {len(faces)} people, so it does not say whom to learn.")
    if face.size / scale < LEAST_FACE_PX:
        return _out(found, "small", f"The face has {face.size / scale:.0f} px; it needs {LEAST_FACE_PX}.")
    if face.sharpness < LEAST_SHARPNESS:
        return _out(found, "blurred", "The face is blurred.")
    return found


def _decoded(path: Path) -> NDArray[Any]:
    """As ``read_image``, but only of formats whose decoders are meant for files of strangers."""
    try:
        with Image.open(path, formats=_FORMATS):
            pass
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NodeError("not an image", seen=f"{type(error).__name__}: no PNG, JPEG or WebP") from error
    return read_image(path)


def _out(one: Judged, verdict: Verdict, sentence: str) -> Judged:
    return one.model_copy(update={"verdict": verdict, "sentence": sentence})


def _same(one: str, other: str) -> bool:
    return (int(one, 16) ^ int(other, 16)).bit_count() <= SAME_BITS
