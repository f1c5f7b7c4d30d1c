"""The sample portrait: a public-domain photograph from an installed package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.installing import install_extra

SAMPLE_NAME = "sample-portrait.png"
_CROP = (96, 0, 352, 256)  # head and shoulders in the 512 x 512 original: left, top, right, bottom
_SIZE = 512


def sample_portrait(folder: Path) -> Path:
    """Write the sample portrait, a 512 x 512 RGB PNG of astronaut Eileen Collins, into ``folder``; always equal bytes.

    Source: NASA, public domain, as ``astronaut.png`` in scikit-image; cropped and enlarged with Lanczos.
    Raises WorkbenchError (node.missing_package) if scikit-image is not installed.
    """
    from PIL import Image

    spec = importlib.util.find_spec("skimage")  # finds the folder without importing the package
    if spec is None or spec.origin is None:
        raise WorkbenchError(
            "node.missing_package",
            "the sample portrait needs the package scikit-image, which is not installed",
            where="sample_portrait",
            seen="not installed",
            allowed="scikit-image",
            remedy=f"{install_extra('cpu')}, or use your own portrait.",
        )
    target = folder / SAMPLE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(Path(spec.origin).parent / "data" / "astronaut.png") as original:
        portrait = original.convert("RGB").crop(_CROP).resize((_SIZE, _SIZE), Image.Resampling.LANCZOS)
    portrait.info.clear()
    portrait.save(target, format="PNG", compress_level=3)  # as an upload is stored, so that its digest is the same
    return target
