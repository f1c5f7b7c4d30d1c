"""The training loop: AdamW on the LoRA's weights, resumable after every checkpoint with the same result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray

from nodes.sdk import NodeError
from nodes.train._batches import Batches, generator_of
from nodes.train._checkpoint import Progress

_WARM_UP = 0.05  # share of the steps in which the learning rate rises
_MOST_WARM_UP = 100
_LARGEST_GRADIENT = 1.0


class Model(Protocol):
    """What is trained: ``ImageModel`` or ``VideoModel``."""

    network: Any
    sizes: list[tuple[int, int]]

    def loss(self, batch: Sequence[int], generator: torch.Generator) -> torch.Tensor: ...

    def sample(self, seed: int) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Schedule:
    """How a training goes."""

    steps: int
    learning_rate: float
    batch_size: int
    gradient_accumulation: int
    seed: int


class Training:
    """A training that is somewhere between its first and its last step.

    Attributes:
        progress: what is done; restored from a checkpoint, or empty.
    """

    def __init__(self, model: Model, parameters: Mapping[str, torch.nn.Parameter], schedule: Schedule) -> None:
        self.progress = Progress()
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(list(parameters.values()), lr=schedule.learning_rate, foreach=False)
        device = next(iter(parameters.values())).device
        # In float16, small gradients vanish without a scale; bfloat16 and float32 need none.
        self.scaler = torch.amp.GradScaler(device.type, enabled=model.network.dtype == torch.float16)
        self._model = model
        self._schedule = schedule
        self._batches = Batches(model.sizes, schedule.batch_size, schedule.seed)

    def run(self, after_step: Callable[[float], None], step_down: Callable[[], str]) -> None:
        """Do the steps that are left. Blocks.

        Args:
            after_step: called with the loss of each step, after it was added to ``progress``; may raise Cancelled.
            step_down: called once if memory runs out; frees some and says what it did. The step is then repeated.

        Raises NodeError: node.bad_input if the loss becomes infinite or NaN; node.out_of_memory.
        """
        tried: list[str] = []
        while self.progress.step < self._schedule.steps:
            loss = self._gradients(self.progress.step)
            if loss is None:
                if tried:
                    raise _out_of_memory(self.progress.step, tried)
                tried.append(step_down())
                continue
            self._update(self.progress.step)
            if not math.isfinite(loss):
                raise NodeError(
                    "the training diverged",
                    where="params.learning_rate",
                    seen=f"a loss of {loss} in step {self.progress.step + 1}",
                    allowed="finite losses",
                    remedy="Choose a smaller learning_rate, or dtype bfloat16 or float32.",
                )
            self.progress.losses.append(loss)
            self.progress.step += 1
            after_step(loss)

    def _gradients(self, step: int) -> float | None:
        """The loss of a step, whose gradients are in the parameters; None if memory ran out."""
        try:
            return self._computed(step)
        except torch.OutOfMemoryError:
            self.optimizer.zero_grad()
            return None

    def _computed(self, step: int) -> float:
        accumulation = self._schedule.gradient_accumulation
        total = 0.0
        for micro in range(accumulation):
            number = step * accumulation + micro
            noise = generator_of(self._schedule.seed, "noise", number)
            loss = self._model.loss(self._batches.at(number), noise) / accumulation
            self.scaler.scale(loss).backward()
            total += float(loss.detach())
        return total

    def _update(self, step: int) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._schedule.learning_rate * self._warm_up(step)
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), _LARGEST_GRADIENT)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def _warm_up(self, step: int) -> float:
        return min(1.0, (step + 1) / max(1, min(_MOST_WARM_UP, round(self._schedule.steps * _WARM_UP))))


def _out_of_memory(step: int, tried: Sequence[str]) -> NodeError:
    return NodeError(
        "the memory of the device does not suffice for the training",
        code="node.out_of_memory",
        where="params",
        seen=f"out of memory in step {step + 1}, again after {', '.join(tried)}",
        allowed="what fits into the memory that other programs leave free",
        remedy="Choose a smaller resolution, batch_size or rank, or end what else uses the device.",
    )
