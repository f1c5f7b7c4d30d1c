"""Chooses the device and the precision of a network, and measures what a run of it costs."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from nodes._torch.on_device import OnDevice
from nodes.sdk import Context, NodeError


@dataclass(frozen=True)
class Device:
    """Where and how precisely a network runs."""

    device: torch.device
    dtype: torch.dtype

    @property
    def is_cuda(self) -> bool:
        return bool(self.device.type == "cuda")


def choose(params: OnDevice, half: torch.dtype = torch.float16) -> Device:
    """The device and the precision. Raises NodeError (node.bad_input) for a device that this machine does not have.

    Args:
        half: the precision of ``auto`` on a GPU; bfloat16 for networks that overflow in float16.
    """
    name = params.device if params.device != "auto" else _best()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name)
    there = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": (device.index or 0) < count}[device.type]
    if not there:
        raise NodeError(
            f"this worker's machine has no device {name}",
            where="params.device",
            seen=name,
            allowed=", ".join(["auto", "cpu", *(f"cuda:{index}" for index in range(count))]),
            remedy="Use auto, or a worker on a machine with that device.",
        )
    automatic = half if device.type != "cpu" else torch.float32
    return Device(device, automatic if params.dtype == "auto" else getattr(torch, params.dtype))


def free_gib(device: torch.device) -> float:
    """Memory that a run can still take: free on the card or kept by this process for reuse; on a CPU, of the host."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + kept) / 2**30
    return float(psutil.virtual_memory().available) / 2**30


@contextmanager
def measured(ctx: Context, device: torch.device) -> Iterator[None]:
    """Record ``device_s`` and ``peak_memory_gib`` of the block."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    yield
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        peak = torch.cuda.max_memory_allocated(device)
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    ctx.metric("device_s", time.perf_counter() - started)
    ctx.metric("peak_memory_gib", peak / 2**30)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
