"""A run of tests or a benchmark that is interrupted or killed leaves no stack behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.leftovers import MARK, marked
from tests.stack.conditions import ROOT, gone, wait_for

pytestmark = pytest.mark.stack

# Run as a test of its own session, or as a benchmark, on a stack in the background.
RUN = """
import os, sys, time
from pathlib import Path
from workbench.embedded.run import StackOptions
from workbench.embedded.stack import ensure_running, status

def test_long(home=Path({home!r})):
    ensure_running(home, StackOptions(only=("bus",)))
    pids = [status(home).pid, *(part.pid for part in status(home).parts if part.pid)]
    Path({said!r}).write_text(" ".join(map(str, pids)) + " " + os.environ[{mark!r}])
    time.sleep(600)
"""
BENCH = """
from benchmarks.bench_stack import running_stack
from workbench.embedded.stack import status
import os, time
from pathlib import Path
with running_stack("bus", "objects", "sql") as deployment:
    home = deployment.settings.home
    pids = [status(home).pid, *(part.pid for part in status(home).parts if part.pid)]
    Path({said!r}).write_text(" ".join(map(str, pids)) + " " + os.environ[{mark!r}])
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("program", "number", "group"),
    [("tests", signal.SIGKILL, True), ("tests", signal.SIGTERM, False), ("benchmark", signal.SIGKILL, False)],
)
def test_a_killed_run_leaves_no_stack(tmp_path: Path, program: str, number: signal.Signals, group: bool) -> None:
    file, said = tmp_path / "test_long.py", tmp_path / "said"
    source = RUN if program == "tests" else BENCH
    file.write_text(source.format(home=str(tmp_path / "home"), said=str(said), mark=MARK))
    pytest_run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", f"--rootdir={tmp_path}"]
    argv = [sys.executable, *(pytest_run if program == "tests" else []), str(file)]
    with (tmp_path / "log").open("wb") as log:
        run = subprocess.Popen(
            argv,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(lambda: run.poll() is not None or (said.exists() and said.read_text().count(" ") >= 2))
        assert run.poll() is None, (tmp_path / "log").read_text()
        *pids, mark = said.read_text().split()
        assert all(psutil.pid_exists(int(pid)) for pid in pids)
    finally:
        if run.poll() is None:
            (os.killpg if group else os.kill)(run.pid, number)
        run.wait()
    wait_for(lambda: all(gone(int(pid)) for pid in pids))
    wait_for(lambda: marked(mark) == [])
