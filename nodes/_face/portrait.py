"""Decodes portrait files safely, and upright by their EXIF orientation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nodes.sdk import NodeError

MAX_PIXELS = 40_000_000
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
