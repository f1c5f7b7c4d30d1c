"""One whole stack with MLflow for all tests of the command line, and one talking-head job made with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.program import Program, shared_program
from tests.live import cancel_unfinished

SCRIPT = "The sky is blue today."


@pytest.fixture(scope="package")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The CLI with a stack of all servers except the page."""
    return shared_program(tmp_path_factory)


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the processes and cancel the jobs of a test, even if it fails."""
    program = request.getfixturevalue("program") if "program" in request.fixturenames else None
    yield
    Program.end_started()
    if program is not None and program.shared:
        cancel_unfinished(program.client)


@pytest.fixture(scope="package")
def first(program: Program) -> dict[str, Any]:
    """The output of `workbench run talking_head --json` for a job without cache hits; takes about 25 s."""
    shown: dict[str, Any] = program.json("run", "talking_head", "--portrait", "sample", "--script", SCRIPT)
    return shown
