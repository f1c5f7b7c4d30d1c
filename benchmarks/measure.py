"""What all measurements share: the machine, CPU time of a process tree, interleaved pairs with an interval."""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

import psutil

M = TypeVar("M")


def machine() -> str:
    """One line about the machine and how busy it is with other things."""
    memory_gib = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}, "
        f"load {load:.1f}, {time.strftime('%Y-%m-%d')}"
    )


def tree_cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds of these processes and all below them, dead and reaped children included."""
    total = 0.0
    seen: set[int] = set()
    for pid in pids:
        try:
            processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in processes:
            if process.pid in seen:
                continue
            seen.add(process.pid)
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
            if process.pid in pids:
                total += times.children_user + times.children_system
    return total


def ratio_interval(ours: Sequence[float], theirs: Sequence[float], rounds: int = 2000) -> tuple[float, float, float]:
    """Median of the pairwise ratios and its 95 % bootstrap interval: (low, median, high)."""
    return interval([a / b for a, b in zip(ours, theirs, strict=True)], rounds)


def interval(values: Sequence[float], rounds: int = 2000) -> tuple[float, float, float]:
    """Median and its 95 % bootstrap interval, from a fixed seed: (low, median, high)."""
    chance = random.Random(0)
    found = sorted(median(chance.choices(values, k=len(values))) for _ in range(rounds))
    return found[int(0.025 * rounds)], median(values), found[int(0.975 * rounds)]


def pairs(count: int, ours: Callable[[], M], theirs: Callable[[], M]) -> tuple[list[M], list[M]]:
    """``count`` interleaved measurements of both, the order within a pair by chance."""
    chance = random.Random(1)
    a, b = [], []
    for _ in range(count):
        if chance.random() < 0.5:
            a.append(ours())
            b.append(theirs())
        else:
            b.append(theirs())
            a.append(ours())
    return a, b


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(figure: tuple[float, float, float], digits: int = 2) -> str:
    """A figure with its interval: ``1.20 [1.10, 1.31]``."""
    low, middle, high = figure
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def told(goal: bool) -> str:
    return "reached" if goal else "MISSED"
