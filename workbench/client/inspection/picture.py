"""Pictures: decoded, turned upright, written anew without metadata, searched for faces. Runs in the child only."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps

from schemas.upload import UploadWarning
from workbench.client.inspection.faces import find_faces
from workbench.client.inspection.limits import MAX_PIXELS, MAX_SIDE_PX
from workbench.client.inspection.refusals import too_large, unreadable

_FAULTS = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError)
_PILLOW = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}


def inspect_picture(path: Path, format_name: str, out: Path) -> dict[str, Any]:
    """Facts, faces and warnings of a picture; what is kept of it is written to ``out``.

    A JPEG stays one (quality 95, full chroma), everything else becomes a PNG: the stored bytes are made from the
    decoded pixels and nothing else, so trailing archives, scripts in comments, positions and profiles are gone. The
    same upload gives the same bytes with the pinned Pillow. Raises WorkbenchError: upload.*.
    """
    picture, animated = read_upright(path, format_name)
    kept = "jpeg" if format_name == "jpeg" else "png"
    if kept == "jpeg":
        picture.save(out, format="JPEG", quality=95, subsampling=0)
    else:
        picture.save(out, format="PNG", compress_level=3)
    faces, hints = find_faces(flat(picture))
    if animated:
        hints.insert(0, _first_picture_only())
    return {
        "kind": "image",
        "media_type": f"image/{kept}",
        "suffix": ".jpg" if kept == "jpeg" else ".png",
        "facts": {"format": format_name, "width": picture.width, "height": picture.height},
        "faces": [face.model_dump(mode="json") for face in faces],
        "warnings": [hint.model_dump(mode="json") for hint in hints],
    }


def read_upright(path: Path, format_name: str) -> tuple[Image.Image, bool]:
    """The first picture of the file as RGB, or RGBA where it has transparency, in sRGB and turned as its EXIF says; and
    whether more pictures follow. Raises WorkbenchError: upload.too_large (from the header), upload.unreadable.
    """
    formats = [_PILLOW[format_name]]
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size: it is refused below, in words
            with Image.open(path, formats=formats) as image:
                _check_size(image.width, image.height)
                image.verify()
            with Image.open(path, formats=formats) as image:
                # MPO is what cameras write: a JPEG with a preview behind it. That is no animation.
                animated = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
                image.seek(0)
                image.load()
                profile = image.info.get("icc_profile")
                upright = ImageOps.exif_transpose(image)
                return _plain(upright, profile), animated
    except Image.DecompressionBombError as fault:
        raise too_large("the picture has too many pixels", str(fault), _allowed()) from fault
    except _FAULTS as fault:
        raise unreadable("the picture is damaged", f"{type(fault).__name__}: {fault}") from fault


def flat(picture: Image.Image) -> Image.Image:
    """RGB; transparency over the grey that the animator uses."""
    if picture.mode != "RGBA":
        return picture
    behind = Image.new("RGBA", picture.size, (127, 127, 127, 255))
    return Image.alpha_composite(behind, picture).convert("RGB")


def _plain(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):  # sixteen bits: Pillow's own conversion clips at 255
        image = image.point(lambda value: value / 256).convert("L")
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        image = _to_srgb(image, profile)
    plain = image if image.mode == wanted else image.convert(wanted)
    plain.info.clear()  # what would be written along: comments, profiles, EXIF
    return plain


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a broken profile: the numbers are taken as sRGB, as every viewer does
    return converted or image


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise too_large("the picture has too many pixels", f"{width} x {height} px", _allowed())


def _allowed() -> str:
    return f"up to {MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX} a side"


def _first_picture_only() -> UploadWarning:
    return UploadWarning(
        code="picture.animated",
        message="The file holds several pictures; the first is used.",
        remedy="Give another picture if the first is not the one you want.",
    )
