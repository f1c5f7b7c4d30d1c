"""One whole stack, MLflow too, for all tests of the command line, and one talking head made by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.program import Program, stack_without_app

SCRIPT = "The sky is blue today."


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program on a stack with all its parts but the page."""
    with stack_without_app(tmp_path_factory.mktemp("bench") / "home") as program:
        yield program


@pytest.fixture(scope="package")
def first(bench: Program) -> dict[str, Any]:
    """What `workbench run talking_head --json` printed for a job that computed everything: about 25 s."""
    shown: dict[str, Any] = bench.json("run", "talking_head", "--portrait", "sample", "--script", SCRIPT)
    return shown
