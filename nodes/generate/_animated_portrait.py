"""What the image-to-video nodes on diffusers share: the portrait fitted to the frame, the clip saved and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray
from PIL import Image

from nodes._face import MODEL_KEY, FaceModels, load_face_models, measured_faces, no_face, read_image
from nodes.generate._clips import ClipWriter
from nodes.generate._whole_face import fitted, look_through
from nodes.sdk import Context, ImageRef, NodeError, VideoRef


@dataclass(frozen=True)
class Portrait:
    """A portrait in the size of the clip."""

    rgb: NDArray[Any]  # (H, W, 3) uint8
    has_face: bool
    models: FaceModels

    @property
    def image(self) -> Image.Image:
        return Image.fromarray(self.rgb)


def read_portrait(
    ctx: Context, ref: ImageRef, width: int, height: int, fit: Literal["auto", "crop", "pad"], face: bool
) -> Portrait:
    """Read the portrait and fit it to the frame, with the largest face whole.

    Args:
        face: whether there must be one.

    Raises NodeError: not an image; no face though there must be one; a crop that would cut it.
    """
    models = ctx.model(MODEL_KEY, load_face_models)
    rgb = read_image(ctx.open(ref))
    faces = measured_faces(rgb, models)
    if face and not faces:
        raise without_face()
    fitting, what = fitted(rgb, width, height, faces[0] if faces else None, fit)
    ctx.log(f"image of {rgb.shape[1]} × {rgb.shape[0]} px {what}, for frames of {width} × {height} px")
    return Portrait(fitting, bool(faces), models)


def without_face() -> NodeError:
    """The refusal of an image without a face."""
    finding = no_face()
    return NodeError(
        "no face of a person was found in the image",
        where="image",
        seen=finding.seen,
        allowed=finding.allowed,
        remedy=f"{finding.remedy} For images without people set face=false.",
    )


def refuse_without_face(path: Path) -> None:
    """The same at submit, for an image that is known by then."""
    from nodes._face import measured_file

    if not measured_file(path):
        raise without_face()


def saved_clip(
    ctx: Context, frames: Sequence[NDArray[Any]], fps: int, crf: int, name: str, portrait: Portrait
) -> VideoRef:
    """Encode (H, W, 3) uint8 frames, and record whether they show the portrait's whole face."""
    target = ctx.workdir / name
    with ClipWriter(target, Fraction(fps), crf) as clip:
        for rgb in frames:
            clip.add(rgb)
    if portrait.has_face:
        ctx.metric("face_in_frame", look_through(ctx, frames, portrait.models))
    return ctx.save(target, "video", name=name)
