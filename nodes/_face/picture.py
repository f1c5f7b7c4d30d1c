"""Portrait files: decoded safely, turned upright, and refused with a reason where no face can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nodes._face.detection import Face, detect
from nodes._face.models import FaceModels
from nodes.sdk import NodeError

MAX_PIXELS = 40_000_000
MIN_FACE_PX = 48
_BACKDROP = (127, 127, 127)  # behind transparent pixels


def read_picture(path: Path) -> NDArray[Any]:
    """The (H, W, 3) uint8 RGB pixels of an image file, turned as its EXIF says, transparency over grey.

    Raises NodeError: not an image, damaged, or over 40 megapixels (found from the header, before decoding).
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NodeError(
                    "the portrait is too large",
                    where="image",
                    seen=f"{image.width} x {image.height} px",
                    allowed=f"up to {MAX_PIXELS // 1_000_000} megapixels",
                    remedy="Scale the picture down; the animator works at 256 to 1024 px.",
                )
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                rgba = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", rgba.size, (*_BACKDROP, 255)), rgba)
            return np.asarray(upright.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NodeError(
            "the portrait cannot be decoded",
            where="image",
            seen=f"{path.name}: {type(error).__name__}: {error}",
            allowed="a PNG, JPEG or WebP file",
            remedy="Open and save the picture in an image editor, then give that file.",
        ) from error


def usable_face(rgb: NDArray[Any], models: FaceModels | None = None) -> Face:
    """The largest face of the picture. Raises NodeError: no face, or one too small to animate."""
    faces = detect(rgb, models)
    if not faces:
        raise NodeError(
            "no face was found in the portrait",
            where="image",
            seen=f"{rgb.shape[1]} x {rgb.shape[0]} px without a face",
            allowed="one face, seen from the front",
            remedy="Use a well-lit portrait that looks at the camera and shows the whole head.",
        )
    face = faces[0]
    if face.size < MIN_FACE_PX:
        raise NodeError(
            "the face in the portrait is too small",
            where="image",
            seen=f"{face.size:.0f} px",
            allowed=f"at least {MIN_FACE_PX} px",
            remedy="Use a closer or larger picture, or enlarge it first with generate.upscale_image.",
        )
    return face


def largest_face(path: Path, models: FaceModels | None = None) -> Face:
    """The largest face of an image file. Raises NodeError as ``read_picture`` and ``usable_face`` do."""
    return usable_face(read_picture(path), models)
