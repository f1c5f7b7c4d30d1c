"""One whole stack with MLflow for all notebook executions, and a kernel that records its starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import _nothing_left as _nothing_left
from tests.cli.program import Program, shared_program
from tests.engines import ENGINES, INSTALLED, MISSING, make_models


@pytest.fixture(scope="package")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The CLI with a stack of all servers except the page; its nodes include the probes."""
    return shared_program(tmp_path_factory)


@pytest.fixture
def torch_worker(deployment: Program, tmp_path: Path) -> None:
    """A worker of the engine torch beside the stack, with tiny models; it is ended after the test like all commands."""
    if not INSTALLED:
        pytest.skip(MISSING)
    models = make_models(tmp_path / "models")
    more = {"WORKBENCH_ENGINES": str(ENGINES), "WORKBENCH_MODELS": str(models), "OMP_NUM_THREADS": "1"}
    shared = {name: deployment.environment[name] for name in ("WORKBENCH_NODE_MODULES", "PYTHONPATH")}
    Program(deployment.home, **shared, **more).start("worker", "--pool", "torch")


class Kernels:
    """A kernel named ``told``: each start of its process adds a line to a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._starts = folder / "starts"
        place = folder / "kernels" / "told"
        place.mkdir(parents=True)
        script = f'echo started >> "{self._starts}"; exec "$0" -m ipykernel_launcher -f "$1"'
        spec: dict[str, Any] = {
            "argv": ["/bin/sh", "-c", script, sys.executable, "{connection_file}"],
            "display_name": "told",
            "language": "python",
        }
        (place / "kernel.json").write_text(json.dumps(spec))

    @property
    def environment(self) -> dict[str, str]:
        return {"JUPYTER_PATH": str(self.folder)}

    def started(self) -> int:
        """The number of started kernels."""
        return len(self._starts.read_text().splitlines()) if self._starts.exists() else 0


@pytest.fixture
def kernels(tmp_path: Path) -> Kernels:
    return Kernels(tmp_path / "jupyter")
