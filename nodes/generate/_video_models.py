"""Memory that the image-to-video models need, estimated from their settings and the size of the clip."""

from __future__ import annotations

import torch

from nodes._torch.memory import Need, need, weights_gib
from nodes._torch.model_files import ModelFiles
from nodes.sdk import NodeError

WAN_IN_FLOAT32 = ("vae", "image_encoder")  # as its publishers run it: half precision shows in the colours


def need_of_svd(files: ModelFiles, dtype: torch.dtype, width: int, height: int, frames: int, chunk: int) -> Need:
    """Memory for a clip of Stable Video Diffusion that is decoded in chunks."""
    vae, network = files.config("vae"), files.config("unet")
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    return need(
        weights_gib(files, dtype),
        positions=width * height // factor**2 * frames,
        width=network["block_out_channels"][0],
        pixels=width * height * chunk,
        channels=vae["block_out_channels"][0],
        batch=2,
        dtype=dtype,
    )


def need_of_wan(files: ModelFiles, dtype: torch.dtype, width: int, height: int, frames: int) -> Need:
    """Memory for a clip of Wan, whose decoder makes as many frames at once as one latent holds.

    Raises NodeError if the model cannot make a clip of this size.
    """
    vae, network = files.config("vae"), files.config("transformer")
    factor, held = vae.get("scale_factor_spatial", 8), vae.get("scale_factor_temporal", 4)
    _, down, across = network["patch_size"]
    for name, value, multiple in (("width", width, factor * across), ("height", height, factor * down)):
        if value % multiple:
            raise _unsuitable(files, name, value, f"a multiple of {multiple}")
    if frames % held != 1:
        raise _unsuitable(files, "frames", frames, f"one more than a multiple of {held}")
    positions = (width // factor // across) * (height // factor // down) * ((frames - 1) // held + 1)
    return need(
        weights_gib(files, dtype, WAN_IN_FLOAT32),
        positions=positions,
        width=network["num_attention_heads"] * network["attention_head_dim"],
        pixels=width * height * held,
        channels=vae["base_dim"],
        batch=1,  # it runs with and without guidance one after the other
        dtype=dtype,
    )


def _unsuitable(files: ModelFiles, name: str, seen: int, allowed: str) -> NodeError:
    return NodeError(
        f"`{name}` does not suit the model {files.name}",
        where=f"params.{name}",
        seen=seen,
        allowed=allowed,
        remedy="Use the nearest allowed value.",
    )
