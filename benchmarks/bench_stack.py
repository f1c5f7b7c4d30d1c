"""A whole stack in a throw-away home, for measurements."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.leftovers import leave_nothing_running
from workbench.client.deployment import Deployment
from workbench.embedded.run import StackOptions
from workbench.embedded.stack import ensure_running, status, stop


@contextmanager
def running_stack(*parts: str, **environment: str) -> Iterator[Deployment]:
    """A stack in a new home with these parts (default: all); stopped and removed afterwards."""
    leave_nothing_running()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        # The stack's processes run in the home: they find the benchmarks' nodes by this path only.
        os.environ.update({"WORKBENCH_HOME": folder, "PYTHONPATH": str(Path(__file__).parent.parent), **environment})
        try:
            settings = ensure_running(home, StackOptions(only=parts) if parts else None)
            yield Deployment(settings)
        finally:
            stop(home)
            os.environ.clear()
            os.environ.update(before)


def stack_pids(deployment: Deployment) -> list[int]:
    """Pids of the stack's supervisor and parts."""
    answer = status(deployment.settings.home)
    found = [part.pid for part in answer.parts if part.pid]
    return [pid for pid in (answer.pid, *found) if pid]
