"""What happens when the memory of a device runs out: the work is repeated with less at once, and refused at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import torch

from nodes._torch.device import free_gib
from nodes.sdk import Context, NodeError

L = TypeVar("L")
T = TypeVar("T")


class StepDown(Generic[L]):
    """Runs a computation with the load that was asked for, and with a smaller one once memory has run out.

    The smaller load is kept for the rest of the run. The log and the metric ``stepped_down`` say so, because details
    of the result may differ.

    Args:
        loads: how much the device gets at once, the largest first; equal ones count once.
        where: the parameter to change if even the smallest is too much. remedy: how.
        text: of a load, for people.
    """

    def __init__(
        self,
        ctx: Context,
        device: torch.device,
        loads: Iterable[L],
        *,
        remedy: str,
        where: str = "params",
        text: Callable[[L], str] = str,
    ) -> None:
        self._ctx, self._device = ctx, device
        self._loads = list(dict.fromkeys(loads))
        self._where, self._remedy, self._text = where, remedy, text
        self._tried = 0
        ctx.metric("stepped_down", 0)

    def run(self, compute: Callable[[L], T]) -> T:
        """The result of ``compute``. Raises NodeError (node.out_of_memory) when the smallest load is too much."""
        while True:
            try:
                return compute(self._loads[self._tried])
            except (torch.OutOfMemoryError, MemoryError) as error:
                seen = " ".join(str(error).split())[:200]
            # The error is gone here, and with it the tensors that its traceback held.
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            self._less(seen)

    def _less(self, seen: str) -> None:
        if self._tried + 1 == len(self._loads):
            raise NodeError(
                f"the memory of {self._device} does not suffice",
                code="node.out_of_memory",
                where=self._where,
                seen=f"out of memory with {'; then '.join(map(self._text, self._loads))}"
                + (f": {seen}" if seen else ""),
                allowed=f"what fits in {free_gib(self._device):.3g} GiB, which are free now",
                remedy=self._remedy,
            )
        before, self._tried = self._loads[self._tried], self._tried + 1
        self._ctx.metric("stepped_down", 1)
        self._ctx.log(f"out of memory with {self._text(before)}; from here on {self._text(self._loads[self._tried])}")
