"""One whole stack, MLflow too, for all tests of the command line, and one talking head made by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.program import Program, shared_program
from tests.live import cancel_unfinished

SCRIPT = "The sky is blue today."


@pytest.fixture(scope="package")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program on a stack with all its parts but the page."""
    return shared_program(tmp_path_factory)


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends what it started and cancels what it submitted, also where it fails."""
    program = request.getfixturevalue("program") if "program" in request.fixturenames else None
    yield
    Program.end_started()
    if program is not None and program.shared:
        cancel_unfinished(program.client)


@pytest.fixture(scope="package")
def first(program: Program) -> dict[str, Any]:
    """What `workbench run talking_head --json` printed for a job that computed everything: about 25 s."""
    shown: dict[str, Any] = program.json("run", "talking_head", "--portrait", "sample", "--script", SCRIPT)
    return shown
