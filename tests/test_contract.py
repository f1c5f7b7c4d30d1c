"""The contract: JSON Schemas on disk, states, error codes."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ERROR_CODES, ErrorInfo, WorkbenchError
from schemas.export import stale_schemas
from schemas.status import (
    FINAL_JOB_STATUSES,
    FINAL_NODE_STATUSES,
    JOB_TRANSITIONS,
    NODE_TRANSITIONS,
    EdgeKind,
    JobStatus,
    NodeStatus,
)

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("schemas", "nodes", "workbench") for path in (ROOT / folder).rglob("*.py")]


def test_the_json_schemas_on_disk_are_those_of_the_models() -> None:
    assert stale_schemas(ROOT / "schemas" / "json") == [], "run `workbench schemas export`"


@pytest.mark.parametrize(
    ("states", "table", "final"),
    [
        (NodeStatus, NODE_TRANSITIONS, FINAL_NODE_STATUSES),
        (JobStatus, JOB_TRANSITIONS, FINAL_JOB_STATUSES),
    ],
)
def test_the_transition_tables_are_closed(
    states: type[StrEnum], table: dict[Any, frozenset[Any]], final: frozenset[Any]
) -> None:
    assert set(table) == set(states)
    # The one way back: bytes that are lost are made again while the job is open.
    back = {NodeStatus.COMPLETED} if states is NodeStatus else set()
    assert {state for state, following in table.items() if not following} == final - back
    assert all(table[state] == {NodeStatus.READY} for state in back)
    assert {target for following in table.values() for target in following} <= set(states)
    reached, todo = set(), [next(iter(states))]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += table[state]
    assert reached == set(states), "every state can be reached from the first"
    for state in set(states) - final:
        assert table[state] & final, "every state can end"


def test_an_edge_fires_for_one_final_state_at_most() -> None:
    for kind in EdgeKind:
        assert len([state for state in NodeStatus if kind.fires(state)]) == 1
    assert EdgeKind.NORMAL.fires(NodeStatus.COMPLETED) and EdgeKind.ON_FAILURE.fires(NodeStatus.FAILED)


def test_every_code_in_the_sources_is_listed() -> None:
    kinds = {code.split(".")[0] for code in ERROR_CODES if "." in code}
    pattern = re.compile(rf'(?:Error\(\s*|code=|Unavailable\(\s*)"((?:{"|".join(kinds)})\.[a-z_]+)"')
    used = {code for path in SOURCES for code in pattern.findall(path.read_text())}
    assert len(used) > 20
    assert used - set(ERROR_CODES) == set()
    assert all((text.endswith(".") and text[0].isupper()) or text.startswith("`") for text in ERROR_CODES.values())


def test_an_error_survives_serialization() -> None:
    error = WorkbenchError(
        "graph.cycle", "a circle", where="edges", seen={1, 2}, allowed=object(), remedy="Cut it.", path=Path("/x")
    )
    back = WorkbenchError.from_info(ErrorInfo.model_validate_json(error.info().to_json()))
    assert (back.code, back.message, back.where, back.remedy) == (error.code, "a circle", "edges", "Cut it.")
    assert back.seen == [1, 2] and "remedy: Cut it." in str(back)
    assert WorkbenchError.from_info(ErrorInfo(message="of a later version", code="new.code")).code == "node.failed"
