"""The data that an execution passes to its kernel, and the notes that the kernel sends back.

``workbench notebook run`` sets three variables. Jobs that Python in the kernel starts become children of its run, in
its experiment. Notes are written to a file beside the notebook, so that they survive the kernel.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

PARENT_RUN = "WORKBENCH_PARENT_RUN"  # id of the MLflow run of the execution
EXPERIMENT = "WORKBENCH_EXPERIMENT"  # experiment of jobs that do not name one
NOTES = "WORKBENCH_NOTES"  # a file of JSON lines


def kernel_environment(home: Path) -> dict[str, str]:
    """The environment of a process that starts kernels for this deployment."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # mlflow, which notebooks import, sends usage data by default
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "JUPYTER_PREFER_ENV_PATH": "1",  # python3 is this environment's kernel, even if others are installed
    }


def parent_run() -> str | None:
    """The parent MLflow run of jobs that start here."""
    return os.environ.get(PARENT_RUN) or None


def default_experiment() -> str:
    """The experiment of jobs that do not name one."""
    return os.environ.get(EXPERIMENT) or "workbench"


def note(**what: Any) -> None:
    """Add a note for the execution, if there is one."""
    if place := os.environ.get(NOTES):
        with Path(place).open("ab") as file:  # one write per line, because several processes may add notes at once
            file.write(orjson.dumps(what) + b"\n")


def read_notes(path: Path) -> list[dict[str, Any]]:
    """The notes in order. An incomplete line of a dying process is skipped."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found
