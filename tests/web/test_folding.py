"""One rule for events: browsers, the live state and the record come to the same."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from schemas.api import api_status
from schemas.event import Event
from schemas.folding import JobFold
from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.web import sequences
from workbench.store.record import Changes, KnownNode, KnownNodes, fold, job_state

HERE = Path(__file__).parent
RANDOM = 300
COLUMNS = (
    *("status", "attempt", "worker", "cached", "seconds", "cpu_seconds", "peak_memory_bytes"),
    *("metrics", "series", "output", "error", "content_key", "started_at", "finished_at"),
)
Case = tuple[JobRecord, list[Event]]


def told() -> list[list[Event]]:
    """Scripted and random sequences, in their order."""
    draw = random.Random(12)
    scripted = [sequences.numbered(one) for one in sequences.SCRIPTED.values()]
    return scripted + [sequences.random_events(draw) for _ in range(RANDOM)]


def cases() -> list[Case]:
    """The same, and as a watcher may hear them."""
    draw = random.Random(7)
    heard = [sequences.heard(one, draw, late=draw.random() < 0.5) for one in told()]
    return [(sequences.record(), one) for one in told() + heard]


def folded(record: JobRecord, events: list[Event]) -> JobFold:
    state = JobFold(record)
    for event in events:
        state.see(event)
    return state


def view(state: JobFold) -> dict[str, Any]:
    return {
        "status": api_status(state.status, on_bus=state.on_bus).value,
        "error": state.error and state.error.model_dump(mode="json", by_alias=True),
        "nodes": {name: node.model_dump(mode="json", by_alias=True) for name, node in state.nodes.items()},
        "shown": {name: state.shown_status(name).value for name in state.nodes},
    }


def sent(record: JobRecord) -> dict[str, Any]:
    """The part of GET /api/jobs/{job_id} from which a browser begins."""
    document = record.model_dump(mode="json", by_alias=True)
    status = api_status(record.status, on_bus=False).value
    return {"status": status, "nodes": document["nodes"], "error": document["error"], "lastGraph": document["graph"]}


def in_javascript(given: list[Case]) -> list[dict[str, Any]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node: `make node`, or apt-get install nodejs npm")
    document = [
        {"record": sent(record), "events": [event.model_dump(mode="json", by_alias=True) for event in events]}
        for record, events in given
    ]
    ran = subprocess.run(
        [node, str(HERE / "fold.mjs")],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def test_a_browser_comes_to_the_same_state_as_python() -> None:
    given = cases()
    for (record, events), shown in zip(given, in_javascript(given), strict=True):
        told = [(event.cursor, event.type.value, event.node) for event in events]
        assert shown == view(folded(record, events)), told


def test_a_browser_that_begins_in_the_middle_comes_to_the_same_state() -> None:
    """From a record that is ahead of some events and behind others, and then from all of them."""
    draw = random.Random(3)
    given, expected = [], []
    for _ in range(RANDOM):
        events = sequences.random_events(draw)
        known = folded(sequences.record(), events[: draw.randint(1, len(events))])
        record = sequences.record(known.status).model_copy(update={"nodes": list(known.nodes.values())})
        if not record.status.final:  # a final record has no events before it that are still to come
            given.append((record, sequences.heard(events, draw, late=False)))
            expected.append(view(folded(sequences.record(), events)))
    assert len(given) > RANDOM / 3
    for (record, events), shown, wanted in zip(given, in_javascript(given), expected, strict=True):
        assert shown == view(folded(record, events)) == wanted


@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_record_that_batches_make_is_the_live_state(size: int) -> None:
    for events in told():
        record = sequences.record()
        state = folded(record, events)
        rows, status = recorded(record, events, size)
        for name, node in state.nodes.items():
            row, fresh = rows[name], record.node(name).model_dump(mode="json", by_alias=False)
            known = node.model_dump(mode="json", by_alias=True)
            for column in COLUMNS:
                assert row.get(column, fresh[column]) == known[to_camel(column)], (name, column)
            assert (row["waiting"] is None) == (node.wait is None)
        if state.status is not JobStatus.ACCEPTED:
            assert status is state.status


def recorded(record: JobRecord, events: list[Event], size: int) -> tuple[dict[str, dict[str, Any]], JobStatus]:
    """Columns by node, and the job's status, after batches of that size; as the statements of a store leave them."""
    rows: dict[str, dict[str, Any]] = {node.id: {"status": "pending", "waiting": None} for node in record.nodes}
    status = record.status
    for start in range(0, len(events), size):
        batch = events[start : start + size]
        known = KnownNodes()
        for name, row in rows.items():
            number = row.get("event_epoch", 0), row.get("event_seq", 0)
            attempt, error = row.get("attempt", 0), row.get("error") and json.dumps(row["error"])
            series = json.dumps(row.get("series", {}))
            known.add(KnownNode("job", name, f"x.{name}", None, row["status"], 0.25, attempt, error, series, *number))
        changes: Changes = fold(batch, known)
        for (_, name), row in changes.nodes.items():
            rows[name] |= json.loads(json.dumps(row))
        end = changes.ended.get("job")
        if not status.final and (changes.touched or end):
            status, _ = job_state(known.of_job["job"], changes, end)
            if status is JobStatus.CANCELLED:
                for row in rows.values():
                    if row["status"] not in ("completed", "failed", "skipped", "cancelled"):
                        row |= {"status": "cancelled", "waiting": None}
    return rows, status
