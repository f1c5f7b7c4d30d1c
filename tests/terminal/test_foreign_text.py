"""What others wrote goes onto a terminal as it is: brackets in it are not markup."""

from __future__ import annotations

import io
import sys

import pytest

from schemas.event import Event, EventType
from schemas.graph import Graph
from schemas.job import JobRecord, NodeRecord
from schemas.status import JobStatus, Plane
from workbench.cli.output import print_table
from workbench.client.expectation import Expectation
from workbench.client.live.state import LiveJob
from workbench.terminal.executions import ExecutionBars
from workbench.terminal.progress import _Screen

TEXTS = ["KeyError: '[/x]'", "[libx264 @ 0x55d0] broken header", "[bold]", "ends in \\"]


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def attached(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    found = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setattr(sys, "stdout", found)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_notebook_raised(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = attached(monkeypatch)
    with ExecutionBars(2, visible=True) as bars:
        bars.cell(f"one {text}", 0, 2)
        bars.ended("two", "failed", text)
    shown = terminal.getvalue()
    assert f"1/2 two failed {text}" in shown and f"one {text}" in shown


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_node_raised(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = attached(monkeypatch)
    graph = Graph.model_validate(
        {"schema": "langgraph.v1", "nodes": [{"id": "a", "service": "probe.data", "name": f"node {text}"}]}
    )
    node = NodeRecord(id="a", service="probe.data", plane=Plane.DATA)
    record = JobRecord(id="1", status=JobStatus.RUNNING, graph=graph, graph_hash="0", nodes=[node])
    live = LiveJob(record, Expectation())
    error = {"code": "node.failed", "message": text}
    live.see(Event(job="1", epoch=0, seq=1, type=EventType.NODE_FAILED, node="a", data={"error": error}))
    screen = _Screen(record)
    screen.start()
    screen.show(live.state(), live.fold.nodes)
    screen.print(text)
    screen.stop()
    shown = terminal.getvalue()
    assert f"node {text}" in shown and shown.count(text) >= 3


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_column_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = attached(monkeypatch)
    print_table(("a", text), [("1", text)])
    assert terminal.getvalue().count(text) == 2
