"""Zips of portraits for tests of trainings: different views of one photograph in the public domain."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from nodes._samples import sample_portrait

BICUBIC = Image.Resampling.BICUBIC


def views(folder: Path) -> dict[str, Image.Image]:
    """Eight images of a face that are no near duplicates of each other."""
    whole = Image.open(sample_portrait(folder)).convert("RGB")
    mirrored = whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return {
        "front": whole,
        "mirrored": mirrored,
        "left": whole.crop((60, 20, 460, 512)),
        "right": whole.crop((100, 0, 512, 430)),
        "tilted": whole.rotate(9, resample=BICUBIC).crop((40, 40, 472, 472)),
        "wide": whole.crop((0, 60, 512, 400)),
        "tall": whole.crop((110, 0, 410, 512)),
        "back": mirrored.crop((70, 30, 480, 480)),
    }


def encoded(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(path: Path, files: Mapping[str, bytes | Image.Image]) -> Path:
    """A zip of these files; images become PNG."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if isinstance(content, Image.Image):
                name, content = f"{name}.png", encoded(content, compress_level=1)
            archive.writestr(name, content)
    return path
