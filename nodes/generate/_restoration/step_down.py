"""What happens when the device's memory runs out: half as many frames at once, then tiles, then a clear error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from nodes._torch.device import free_gib
from nodes.sdk import Context, NodeError

T = TypeVar("T")
_TILE = 256


@dataclass(frozen=True)
class Load:
    """How much the device gets at once: frames, and the side of a tile in pixels (0: whole frames)."""

    frames: int
    tile: int

    def __str__(self) -> str:
        return f"{self.frames} frames at once, " + (f"tiles of {self.tile} px" if self.tile else "whole frames")


class StepDown:
    """Runs a computation with the load that was asked for, and with less once memory has run out.

    Less is kept for the rest of the run. It is recorded in the log and as the metric ``stepped_down``, because the
    result may differ in the last bits, and with tiles near their edges.
    """

    def __init__(self, ctx: Context, device: torch.device, asked: Load) -> None:
        self._ctx, self._device = ctx, device
        half = (asked.frames + 1) // 2
        tile = min(asked.tile, _TILE) if asked.tile else _TILE
        loads = (asked, Load(half, asked.tile), Load(half, tile), Load(1, tile))
        self._loads = list(dict.fromkeys(loads))
        self._tried = 0
        ctx.metric("stepped_down", 0)

    def run(self, compute: Callable[[Load], T]) -> T:
        """The result of ``compute``. Raises NodeError (node.out_of_memory) when the smallest load is too much."""
        while True:
            try:
                return compute(self._loads[self._tried])
            except torch.OutOfMemoryError as error:
                seen = " ".join(str(error).split())[:200]
            # The error is gone here, and with it the tensors that its traceback held.
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            self._less(seen)

    def _less(self, seen: str) -> None:
        before = self._loads[self._tried]
        if self._tried + 1 == len(self._loads):
            raise NodeError(
                f"the memory of {self._device} does not suffice for the networks and the frames",
                code="node.out_of_memory",
                where="params",
                seen=f"out of memory with {'; then '.join(map(str, self._loads))}: {seen}",
                allowed=f"what fits in {free_gib(self._device):.3g} GiB, which are free now",
                remedy="Choose a smaller model or a smaller input, or end what else uses the device.",
            )
        self._tried += 1
        self._ctx.metric("stepped_down", 1)
        self._ctx.log(f"out of memory with {before}; from here on {self._loads[self._tried]}")
