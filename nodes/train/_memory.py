"""Whether a training fits into the memory that is free, found before a weight is loaded.

The network is built without data (torch's device "meta") and one forward pass is traced: that gives the exact shapes of
everything that a step keeps for its backward pass, for any network, size and precision, in about a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from nodes._torch import lora
from nodes._torch.device import free_gib
from nodes.sdk import NodeError

_STATES = 4  # float32 values for each trained one: itself, its gradient, and two moments of AdamW
_RECOMPUTED = 1 / 6  # share of all intermediate values that one checkpointed block has at once
_MARGIN = 1.15  # buffers of kernels, fragmentation


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a step has at once: weights of the network, states of the LoRA, values kept for the gradient."""

    weights: int
    states: int
    kept: float

    @property
    def gib(self) -> float:
        """With a margin."""
        return (self.weights + self.states + self.kept) * _MARGIN / 2**30


@dataclass(frozen=True)
class TrainingMemory:
    """Memory that a training needs.

    Attributes:
        others_gib: weights of the pipeline's other networks.
        rank, checkpointing: of the training, for the error.
    """

    step: StepMemory
    others_gib: float
    rank: int
    checkpointing: bool

    @property
    def gib(self) -> float:
        return self.step.gib + self.others_gib

    def once_loaded(self) -> TrainingMemory:
        """What it needs beside the weights, when they are on the device."""
        return replace(self, step=replace(self.step, weights=0), others_gib=0.0)

    def require(self, device: torch.device, make_room: Callable[[Callable[[], bool]], None]) -> None:
        """Raise NodeError (node.out_of_memory) if less is free on the device, also after other models made room.

        Args:
            make_room: evicts loaded models until what it is given is true.
        """
        make_room(lambda: self.gib <= free_gib(device))
        free, step = free_gib(device), self.step
        if self.gib > free:
            raise NodeError(
                "the training does not fit into the memory",
                code="node.out_of_memory",
                where="params",
                seen=f"about {self.gib:.3g} GiB: {step.weights / 2**30 + self.others_gib:.3g} GiB of weights, "
                f"{step.states / 2**30:.3g} GiB for the LoRA of rank {self.rank} and its optimizer, "
                f"{step.kept / 2**30:.3g} GiB of intermediate values",
                allowed=f"{free:.3g} GiB, which are free on {device}",
                remedy="Choose a smaller resolution, batch_size or rank"
                + ("" if self.checkpointing else ", or gradient_checkpointing=true")
                + ", or a device with more memory. gradient_accumulation does not need more.",
            )


def step_memory(
    network: Any, *, rank: int, targets: Sequence[str], inputs: Mapping[str, Any], checkpointing: bool
) -> StepMemory:
    """What a step of training keeps in memory.

    Args:
        network: on the device "meta"; gets a LoRA.
        inputs: of its forward pass, on the device "meta".
    """
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    with torch.device("meta"):
        trained = lora.inject(network, rank, rank, targets)
    states = sum(parameter.numel() for parameter in trained.values()) * 4 * _STATES
    everything = _kept_for_backward(network, inputs)
    kept = float(everything)
    if checkpointing:
        network.enable_gradient_checkpointing()
        kept = _kept_for_backward(network, inputs) + everything * _RECOMPUTED
    return StepMemory(weights, states, kept)


def without_data(network_class: Any, config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """A network of these settings on the device "meta"."""
    with torch.device("meta"):
        network = network_class.from_config(config)
    return torch.nn.Module.to(network, "meta", dtype)


def _kept_for_backward(network: Any, inputs: Mapping[str, Any]) -> int:
    """Bytes of all different tensors that a forward pass saves, without the weights."""
    weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage()._cdata] = tensor  # held, so that no other storage gets its address
        return tensor

    same: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor  # noqa: E731
    with torch.autograd.graph.saved_tensors_hooks(keep, same):
        network(**inputs)
    return sum(int(tensor.untyped_storage().nbytes()) for at, tensor in saved.items() if at not in weights)
