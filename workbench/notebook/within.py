"""What an execution tells the kernel it started, and hears from it.

``workbench notebook run`` sets three variables. Jobs that Python in the kernel starts become children of its run, in
its experiment; what is recorded goes into a file beside the notebook: it is there also when the kernel dies.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

PARENT_RUN = "WORKBENCH_PARENT_RUN"  # id of the MLflow run of the execution
EXPERIMENT = "WORKBENCH_EXPERIMENT"  # where jobs are recorded that name no experiment
NOTES = "WORKBENCH_NOTES"  # a file of JSON lines


def kernel_environment(home: Path) -> dict[str, str]:
    """The environment of a process that starts kernels for this deployment."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # notebooks import mlflow, which sends usage to its makers by default
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "JUPYTER_PREFER_ENV_PATH": "1",  # python3 is the kernel of this environment, whatever else is installed
    }


def parent_run() -> str | None:
    """The MLflow run that jobs started here belong to."""
    return os.environ.get(PARENT_RUN) or None


def default_experiment() -> str:
    """The experiment of jobs that name none."""
    return os.environ.get(EXPERIMENT) or "workbench"


def note(**what: Any) -> None:
    """Tell the execution, where there is one."""
    if place := os.environ.get(NOTES):
        with Path(place).open("ab") as file:  # one write of a line: several processes may note at once
            file.write(orjson.dumps(what) + b"\n")


def read_notes(path: Path) -> list[dict[str, Any]]:
    """What was told, in order; a line that a dying process left unfinished is skipped."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found
