"""Decodes portrait files safely and upright, and rejects portraits without a usable face."""

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


def read_image(path: Path) -> NDArray[Any]:
    """Decode an image file to (H, W, 3) uint8 RGB, rotated by its EXIF orientation, with transparency over grey.

    Raises NodeError if it is not an image, is damaged, or is over 40 megapixels (checked from the header).
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NodeError(
                    "the portrait is too large",
                    where="image",
                    seen=f"{image.width} x {image.height} px",
                    allowed=f"up to {MAX_PIXELS // 1_000_000} megapixels",
                    remedy="Scale the image down; the animator works at 256 to 1024 px.",
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
            remedy="Open and save the image in an image editor, and use the saved file.",
        ) from error


def usable_face(rgb: NDArray[Any], models: FaceModels | None = None) -> Face:
    """The largest face in the image. Raises NodeError if there is none, or if it is too small to animate."""
    faces = detect(rgb, models)
    if not faces:
        raise NodeError(
            "no face was found in the portrait",
            where="image",
            seen=f"{rgb.shape[1]} x {rgb.shape[0]} px without a face",
            allowed="one face, seen from the front",
            remedy="Use a well-lit portrait that faces the camera and shows the whole head.",
        )
    face = faces[0]
    if face.size < MIN_FACE_PX:
        raise NodeError(
            "the face in the portrait is too small",
            where="image",
            seen=f"{face.size:.0f} px",
            allowed=f"at least {MIN_FACE_PX} px",
            remedy="Use a closer or larger image, or enlarge it first with generate.upscale_image.",
        )
    return face


def largest_face(path: Path, models: FaceModels | None = None) -> Face:
    """The largest face in an image file. Raises the NodeErrors of ``read_image`` and ``usable_face``."""
    return usable_face(read_image(path), models)
