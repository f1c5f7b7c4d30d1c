"""How much memory a pipeline needs, and in which way it runs in what is left of the device's.

The estimate is made of sizes alone and is meant to be low: it refuses what cannot fit before the device works, chooses
between ways of offloading, and leaves the rest to one step down (``Plan.leaner``) when memory runs out all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from nodes._torch.device import free_gib
from nodes._torch.model_files import ModelFiles
from nodes._torch.on_device import Offload
from nodes.sdk import NodeError

_DENOISER_TENSORS = 12  # of the widest layer at full resolution at once: input, skips, projections, feed-forward
_DECODER_TENSORS = 4  # of the last stage at once: input, residual, norm, output
_ORDER: tuple[Offload, ...] = ("none", "model", "sequential")


@dataclass(frozen=True)
class Plan:
    """How a pipeline runs. Each field but ``chunk`` at its default needs the most memory.

    Attributes:
        chunk: frames that the decoder takes at once; 0 if the pipeline has no such choice.
        tiling: whether the decoder works on tiles, blended where they overlap.
        slicing: whether attention is computed in slices.
    """

    offload: Offload = "none"
    chunk: int = 0
    tiling: bool = False
    slicing: bool = False

    def leaner(self, device: torch.device, tiles: bool) -> Plan:
        """One step down: the next way of offloading, half the chunk and, where the decoder can, tiles."""
        later = _ORDER[min(_ORDER.index(self.offload) + 1, 2)] if device.type != "cpu" else self.offload
        return replace(self, offload=later, chunk=(self.chunk + 1) // 2, tiling=self.tiling or tiles)

    def __str__(self) -> str:
        said = [f"offload {self.offload}"]
        said += [f"{self.chunk} frames decoded at once"] if self.chunk else []
        said += ["decoded in tiles"] if self.tiling else []
        return ", ".join(said)


@dataclass(frozen=True)
class Need:
    """Memory that a run needs, in GiB.

    Attributes:
        weights: by network.
        denoising, decoding: intermediate values of the one and of the other; decoding begins when denoising has ended.
    """

    weights: Mapping[str, float]
    denoising: float
    decoding: float

    def on(self, offload: Offload) -> float:
        """On the device while the pipeline runs in this way."""
        if offload == "none":
            return sum(self.weights.values()) + self.working
        if offload == "model":
            largest = max(self.weights.values(), default=0.0)
            return max(largest + self.denoising, self.weights.get("vae", 0.0) + self.decoding)
        return self.working

    @property
    def working(self) -> float:
        return max(self.denoising, self.decoding)

    def without_weights(self) -> Need:
        """What remains once they are on the device."""
        return replace(self, weights={})


def weights_gib(files: ModelFiles, dtype: torch.dtype, single: tuple[str, ...] = ()) -> dict[str, float]:
    """Size of each network in this precision; those named in ``single`` are kept in float32."""
    return {name: count * (4 if name in single else dtype.itemsize) / 2**30 for name, count in files.values.items()}


def need(
    weights: Mapping[str, float],
    *,
    positions: int,
    width: int,
    batch: int,
    dtype: torch.dtype,
    pixels: int,
    channels: int,
) -> Need:
    """The need of a run, estimated from sizes.

    Args:
        weights: as of ``weights_gib``.
        positions: of the denoiser's widest layer at full resolution: latent pixels or patches, over all frames.
        width: channels there. batch: 2 with guidance, else 1. dtype: there.
        pixels: that the decoder makes at once. channels: of its last stage.
    """
    return Need(
        weights,
        denoising=positions * width * batch * dtype.itemsize * _DENOISER_TENSORS / 2**30,
        decoding=pixels * channels * 4 * _DECODER_TENSORS / 2**30,  # many decoders compute in float32
    )


def choose_offload(need: Need, device: torch.device, requested: str) -> Offload:
    """The first way of running that fits in free memory, or the requested one.

    Raises NodeError (node.out_of_memory) if the model or the size cannot fit.
    """
    free = free_gib(device)
    ways: tuple[Offload, ...] = _ORDER
    if device.type == "cpu":
        ways = ("none",)
    elif requested != "auto":
        ways = tuple(way for way in _ORDER if way == requested)
    for way in ways:
        if need.on(way) <= free:
            return way
    raise NodeError(
        f"the model cannot run at this size in the memory of {device}",
        code="node.out_of_memory",
        where="params.model",
        seen=f"at least {need.on(ways[-1]):.3g} GiB: {sum(need.weights.values()):.3g} GiB of weights, "
        f"{need.working:.3g} GiB of intermediate values",
        allowed=f"{free:.3g} GiB, which are free",
        remedy="Choose fewer pixels or frames, half precision or a smaller model, or use a device with more memory."
        + ("" if requested in ("auto", "sequential") or device.type == "cpu" else " offload=auto needs less."),
    )
