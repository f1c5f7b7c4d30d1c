"""Inspects images: decodes them, turns them upright, encodes them without metadata, finds faces.

Inspection process only.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from workbench.client.inspection.faces import find_faces
from workbench.client.inspection.limits import MAX_PIXELS, MAX_SIDE_PX
from workbench.client.inspection.upload_errors import hint, too_large, unreadable

_FAULTS = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError)
_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
_PILLOW = {name: name.upper() for name in ("png", "jpeg", "webp", "tiff", "bmp", "avif")}


def inspect_image(path: Path, format_name: str, out: Path) -> dict[str, Any]:
    """The facts, faces and warnings of an image. The image to store is written to ``out``.

    A JPEG stays a JPEG (quality 95, full chroma); other formats become PNG. The stored bytes are encoded from the
    decoded pixels only, so appended archives, scripts in comments, locations and profiles are gone. A photo whose faces
    are upside-down or on their side is turned. With the pinned Pillow, the same upload gives the same bytes. Raises
    WorkbenchError: upload.*.
    """
    image, animated = read_upright(path, format_name)
    faces, hints, turns = find_faces(flat(image))
    image = turned(image, turns)
    kept = write_image(image, format_name, out)
    if animated:
        remedy = "Choose another file if you do not want the first image."
        hints.insert(0, hint("picture.animated", "The file contains several images; the first is used.", remedy))
    return {
        "kind": "image",
        "media_type": f"image/{kept}",
        "suffix": ".jpg" if kept == "jpeg" else ".png",
        "facts": {"format": format_name, "width": image.width, "height": image.height},
        "faces": [face.model_dump(mode="json") for face in faces],
        "warnings": [hint.model_dump(mode="json") for hint in hints],
    }


def write_image(image: Image.Image, format_name: str, out: Path | BinaryIO) -> str:
    """Write the image to store: as ``jpeg`` if it came as one, else as ``png``. Returns which."""
    if format_name == "jpeg":
        image.save(out, format="JPEG", quality=95, subsampling=0)
        return "jpeg"
    image.save(out, format="PNG", compress_level=3)
    return "png"


def turned(image: Image.Image, turns: int) -> Image.Image:
    """The image after quarter turns counter-clockwise."""
    return image.transpose(_TURNS[turns]) if turns else image


def read_upright(file: Path | BinaryIO, format_name: str) -> tuple[Image.Image, bool]:
    """The first image of the file as RGB, or RGBA if it has transparency, in sRGB and upright according to its EXIF
    data, and whether more images follow. Raises WorkbenchError: upload.too_large (from the header), upload.unreadable.
    """
    formats = [_PILLOW[format_name]]
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size warning: the size is checked below
            with Image.open(file, formats=formats) as image:
                _check_size(image.width, image.height)
                image.verify()
            with Image.open(file, formats=formats) as image:
                # Cameras write MPO, a JPEG followed by a preview. It is not an animation.
                animated = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
                image.seek(0)
                image.load()
                profile = image.info.get("icc_profile")
                upright = ImageOps.exif_transpose(image)
                return _plain(upright, profile), animated
    except Image.DecompressionBombError as fault:
        raise too_large("the image has too many pixels", str(fault), _allowed()) from fault
    except _FAULTS as fault:
        raise unreadable("the image is damaged", f"{type(fault).__name__}: {fault}") from fault


def flat(image: Image.Image) -> Image.Image:
    """The image as RGB, with transparent areas in the grey that the animation uses."""
    if image.mode != "RGBA":
        return image
    background = Image.new("RGBA", image.size, (127, 127, 127, 255))
    return Image.alpha_composite(background, image).convert("RGB")


def _plain(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        image = _to_srgb(image, profile)
    plain = image if image.mode == wanted else image.convert(wanted)
    plain.info.clear()  # otherwise comments, profiles and EXIF data would be saved too
    return plain


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of one channel with 16 or 32 bits, as 8 bits. Pillow's own conversion clips at 255.

    Floating point is 0 to 1 in most programs, and integers are 0 to 65,535.
    """
    values = np.asarray(image, dtype=np.float64)
    scale = 255.0 if image.mode == "F" and values.max(initial=0.0) <= 1.0 else 1 / 257
    return Image.fromarray(np.clip(values * scale, 0, 255).round().astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # with a broken profile, interpret the values as sRGB, like image viewers do
    return converted or image


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise too_large("the image has too many pixels", f"{width} x {height} px", _allowed())


def _allowed() -> str:
    return f"up to {MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX} px per side"
