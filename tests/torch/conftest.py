"""Tests of nodes on torch run in the environment of the engine ``torch``, which `make engines` makes.

``pytest tests/torch`` with the interpreter of that environment runs them one by one. Without torch, each file is one
test, which runs the file there and shows what failed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("WORKBENCH_ENGINES") or ROOT / ".engines") / "torch" / "bin" / "python"
MISSING = "the engine torch is not installed; to include this file: make engines"


class FileInEngine(pytest.Item):
    """A test file, run by the interpreter of the engine."""

    def runtest(self) -> None:
        if not PYTHON.exists():
            pytest.skip(MISSING)
        command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir", str(self.path.parent)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(
            [*command, str(self.path)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        print(ended.stdout.strip().rpartition("\n")[2])
        if ended.returncode:
            pytest.fail(ended.stdout[-20_000:] + ended.stderr[-4000:], pytrace=False)


class InEngine(pytest.Module):
    def collect(self) -> Iterator[pytest.Item]:
        item = FileInEngine.from_parent(self, name="in_the_engine")
        item.add_marker("models")
        yield item


if find_spec("torch") is None:

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
        module: pytest.Module = InEngine.from_parent(parent, path=module_path)
        return module
