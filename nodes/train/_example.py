"""Training examples, and how they become latents: computed once, kept in the CPU's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nodes.train._buckets import Crop


@dataclass(frozen=True)
class Example:
    """One image as it is trained."""

    crop: Crop
    caption: str
    sha256: str  # of the file that it came from


def cached(
    examples: Sequence[Example], encode: Callable[[Example], torch.Tensor], done: Callable[[int], None]
) -> list[torch.Tensor]:
    """``encode`` of each example, on the CPU."""
    found = []
    with torch.no_grad():
        for index, example in enumerate(examples):
            found.append(encode(example).to("cpu"))
            done(index + 1)
    return found


def to_pixels(rgb: NDArray[Any]) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in -1 to 1."""
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def encoded(vae: Any, pixels: torch.Tensor, *, scaled: bool = True) -> torch.Tensor:
    """(1, 3, H, W) in -1 to 1 -> (C, h, w) float32: the most likely latents."""
    latents = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()[0].float()
    return latents * vae.config.scaling_factor if scaled else latents


def to_image(pixels: torch.Tensor) -> NDArray[Any]:
    """(3, H, W) in -1 to 1 -> (H, W, 3) uint8."""
    scaled = ((pixels.float() + 1) * 127.5).clamp(0, 255).round().to("cpu", torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
