"""Measures a worker's machine: memory in use, GPUs."""

from __future__ import annotations

import shutil
import subprocess

import psutil

from schemas.capability import Gpu

_ASK = ("--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits")
_TIMEOUT_S = 5.0


def memory_used_gib() -> float:
    """Resident memory of this process and its children."""
    total = 0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
    return round(total / 2**30, 2)


def gpus() -> list[Gpu]:
    """The GPUs that ``nvidia-smi`` reports; empty if there is none.

    Blocks for some tens of milliseconds if there are any.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        result = subprocess.run(
            [program, *_ASK], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
        return [_gpu(line) for line in result.stdout.splitlines() if line.strip()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []  # a driver that does not respond must not prevent the worker's announcement


def _gpu(line: str) -> Gpu:
    name, total_mib, used_mib = (part.strip() for part in line.rsplit(",", 2))
    return Gpu(
        name=name, memory_gib=round(float(total_mib) / 1024, 1), memory_used_gib=round(float(used_mib) / 1024, 1)
    )
