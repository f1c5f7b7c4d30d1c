"""Enlarges frames with a super-resolution network on torch, whole or in tiles.

Method: whichever architecture the weights have: Real-ESRGAN by Wang et al., ICCVW 2021 (licence BSD-3-Clause), SPAN by
Wan et al., CVPRW 2024 (licence Apache-2.0), and others that spandrel knows.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from nodes._torch.device import Device
from nodes.generate._tiles import tiles

OVERLAP = 32  # input pixels; the outermost pixels of a receptive field have almost no weight


class Upscaler:
    """A network on a device.

    Args:
        network: spandrel's descriptor, in float32; it is moved.
    """

    def __init__(self, network: Any, on: Device) -> None:
        _fold(network.model)
        self.dtype = precision(network, on.dtype)
        network.model.to(on.device, self.dtype)
        # The layout of frames, and of tensor cores; on a CPU it would only change the last bits.
        self._layout = torch.channels_last if on.is_cuda else torch.contiguous_format
        network.model.to(memory_format=self._layout)
        self.scale: int = network.scale
        self._network = network

    def enlarge(self, frames: Tensor, size: tuple[int, int], tile: int) -> Tensor:
        """(n, H, W, 3) uint8 on the device -> (n, 3, height, width) float32, 0 to 1.

        The network runs until its result is large enough; a larger result is reduced, a smaller image is never made.

        Args:
            size: width and height of the result.
            tile: side of a tile in input pixels; 0 for whole frames.
        """
        width, height = size
        images = frames.permute(0, 3, 1, 2).to(self.dtype, memory_format=self._layout).div_(255)
        while images.shape[2] < height or images.shape[3] < width:
            images = self._tiled(images, tile) if tile else self._network(images)
        images = images.float()
        if images.shape[2:] != (height, width):
            images = functional.interpolate(images, (height, width), mode="bicubic", antialias=True).clamp_(0, 1)
        return images

    def _tiled(self, images: Tensor, side: int) -> Tensor:
        count, channels, height, width = images.shape
        scale = self.scale
        enlarged = images.new_empty((count, channels, height * scale, width * scale))
        for top, bottom, left, right in tiles(height, width, side):
            above, before = max(0, top - OVERLAP), max(0, left - OVERLAP)
            block = self._network(images[..., above : bottom + OVERLAP, before : right + OVERLAP])
            enlarged[..., top * scale : bottom * scale, left * scale : right * scale] = block[
                ...,
                (top - above) * scale : (bottom - above) * scale,
                (left - before) * scale : (right - before) * scale,
            ]
        return enlarged


def precision(network: Any, wanted: torch.dtype) -> torch.dtype:
    """The wanted precision if the network works in it, else float32."""
    works = {torch.float16: network.supports_half, torch.bfloat16: network.supports_bfloat16}
    return wanted if works.get(wanted, True) else torch.float32


def _fold(model: Any) -> None:
    """Compute SPAN's merged convolutions once. spandrel's SPAN computes the same values for each image anew."""
    for module in model.modules():
        if hasattr(module, "update_params") and hasattr(module, "eval_conv"):
            module.update_params()
            module.update_params = _nothing


def _nothing() -> None:
    """Nothing is left to compute."""
