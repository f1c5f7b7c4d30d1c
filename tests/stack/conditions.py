"""Waiting for something to be true, and asking which processes are there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from workbench.embedded.stack import status as stack_status

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], T], timeout_s: float = 120.0) -> T:
    """The first true value of the condition."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.03)
    raise AssertionError(f"did not come true within {timeout_s} s")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command in that home, without any WORKBENCH variable of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    return {**clean, "WORKBENCH_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def workbench(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.stack.cli", *arguments],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=400,
    )


def status(home: Path) -> dict[str, Any]:
    """What `workbench status --json` prints, the parts also under their names."""
    answer = stack_status(home).model_dump(mode="json", by_alias=True)
    return {**answer, **{part["name"]: part for part in answer["parts"]}}


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def command_of(pid: int) -> list[str]:
    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return []


def processes_of(home: Path) -> list[int]:
    """Every live process that works in this home or names it in its command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            names_it = any(str(home) in word for word in process.cmdline())
            inherits_it = process.environ().get("WORKBENCH_HOME") == str(home)
            if (names_it or inherits_it) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return [pid for pid in found if pid != os.getpid()]
