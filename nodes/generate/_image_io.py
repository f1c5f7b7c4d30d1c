"""Decodes and encodes images for the upscaler: size-checked before decoding, upright, sRGB, 8 bits per channel."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from nodes.sdk import NodeError

MAX_PIXELS = 40_000_000
_UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError)
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image.

    Attributes:
        rgb: (H, W, 3) uint8, sRGB; a greyscale image repeats its one channel.
        alpha: (H, W) uint8 straight (not premultiplied) opacity, or None.
        grey: whether the file was greyscale.
    """

    rgb: NDArray[Any]
    alpha: NDArray[Any] | None
    grey: bool


def header_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises NodeError: not an image, or over 40 megapixels."""
    try:
        with Image.open(path) as image:
            _guard(image.width, image.height)
            return image.width, image.height
    except Image.DecompressionBombError as error:
        raise _too_large(str(error)) from error
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def decode_image(path: Path) -> DecodedImage:
    """Decode the (first) image of a file. Raises NodeError: not an image, damaged, float pixels, over 40 megapixels."""
    try:
        with Image.open(path) as image:
            _guard(image.width, image.height)
            if image.mode == "F":
                raise NodeError(
                    "images with floating-point pixels cannot be upscaled",
                    where="image",
                    seen="mode F",
                    allowed="8 or 16 bits per channel",
                    remedy="Tone-map the image and save it as PNG.",
                )
            profile = image.info.get("icc_profile")
            upright = ImageOps.exif_transpose(image)
            grey = upright.mode in ("1", "L", "LA", "La", *_SIXTEEN_BIT)
            if upright.mode in _SIXTEEN_BIT:
                wide = np.asarray(upright).astype(np.int64).clip(0, 65535)
                upright = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
            alpha = np.asarray(upright.convert("RGBA").getchannel("A")) if upright.has_transparency_data else None
            rgb = _to_srgb(upright.convert("RGB"), profile) if not grey else upright.convert("L").convert("RGB")
            return DecodedImage(np.asarray(rgb), alpha, grey)
    except Image.DecompressionBombError as error:
        raise _too_large(str(error)) from error
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def resized(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """(H, W[, 3]) uint8 -> (height, width[, 3]) uint8 with Lanczos, antialiased when it reduces the size."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def to_png(decoded: DecodedImage) -> bytes:
    """PNG bytes with as few channels as possible. Equal pixels give equal bytes."""
    image = Image.fromarray(decoded.rgb)
    if decoded.grey:
        image = image.convert("L")
    if decoded.alpha is not None:
        image.putalpha(Image.fromarray(decoded.alpha))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)  # level 6 takes twice the time for 3 % less
    return buffer.getvalue()


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB, because phones save wider colour spaces and later nodes ignore colour profiles."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image  # a broken or CMYK profile is read as sRGB, as browsers do
    return converted or image


def _guard(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_large(f"{width} x {height} px")


def _too_large(seen: str) -> NodeError:
    return NodeError(
        "the image is too large to upscale",
        where="image",
        seen=seen,
        allowed=f"up to {MAX_PIXELS // 1_000_000} megapixels",
        remedy="Scale it down first. A portrait for animation needs 1024 px.",
    )


def _unreadable(path: Path, error: BaseException) -> NodeError:
    return NodeError(
        "the image cannot be decoded",
        where="image",
        seen=f"{path.name}: {type(error).__name__}: {error}",
        allowed="a PNG, JPEG, WebP or TIFF file",
        remedy="Open and save the image in an image editor, and use the saved file.",
    )
