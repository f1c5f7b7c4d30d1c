"""Messages between a supervisor and its executor: they arrive unchanged, and unreadable ones are reported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from msgspec import Raw

from schemas.approval import Decision, Question
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import LogLine, NodeFailure
from schemas.refs import ImageRef
from schemas.status import NodeStatus
from workbench.bus.results import Verdict
from workbench.engine import messages as m
from workbench.engine.executor_process import ExecutorProcess
from workbench.engine.wire import Wire

REF = ImageRef(sha256="a" * 64, width=3)
AT: tuple[int, str] = (7, "animate")
FROM_EXECUTOR: list[m.Message] = [
    m.Ready(m.VERSION, 42, [{"service": "s"}], {"a.py": (1, 2), "gone.py": None}),
    m.Models(["f5"]),
    m.Edited(7),
    m.End(7),
    m.Started(*AT),
    m.Skipped(*AT),
    m.ProgressMade(*AT, 1.0, 2.5, "frames"),
    m.SeriesMade(*AT, {"loss": [(1, 0.5, 1.5), (2, 0.25, 2.5)]}),
    m.Logged(*AT, LogLine(at=1.5, text="half")),
    m.Previewed(*AT, "/tmp/p.jpg", "image/jpeg"),
    m.Stored(*AT, REF),
    m.PartDone(*AT, 3, Raw(b'{"file": {"x": 1}}')),
    m.Fetch(*AT, REF, id=1),
    m.Claim(*AT, "key", "computation", id=2),
    m.Ask(*AT, Question(sentence="Good?", text="a text"), id=3),
    m.Receive(*AT, "b", 4, '{"metrics": {}}', id=6),
    m.Failed(*AT, NodeFailure(error=ErrorInfo(message="no", details={"seen": 1}), again=True), id=4),
    m.Done(*AT, Raw(b'{"output": {"x": 1.5}}'), "key", id=5),
]
TO_EXECUTOR: list[m.Message] = [
    m.Run(7, "w", 1, Raw(b'{"job": "j"}'), {"a": NodeStatus.RUNNING}, {"b": {"x": [1, None]}}, {"a": [Raw(b"{}")]}),
    m.Cancel(7),
    m.Hold(7),
    m.Outcome(1, Verdict.PARKED),
    m.Fetched(1, "/cache/x"),
    m.Known(1, Raw(b'{"output": {}}')),
    m.Parts(1, [Raw(b'{"file": {"x": 1}}')], "computation", '{"metrics": {}}'),
    m.Whole(1, Raw(b'{"output": {}}')),
    m.Decided(1, Decision(approved=True, author="a")),
    m.Refused(1, ErrorInfo(message="no", code="store.missing")),
    m.GivenUp(1),
]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def plain(message: Any) -> Any:
    """Convert a message for comparison: ``Raw`` fields become bytes, because two ``Raw`` are never equal."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return type(message), {name: bytes(value) if isinstance(value, Raw) else value for name, value in fields.items()}


def test_every_message_arrives_unchanged(ends: tuple[socket.socket, socket.socket]) -> None:
    supervisor, executor = m.to_executor(ends[0]), m.to_supervisor(ends[1])
    for sent in FROM_EXECUTOR:
        executor.send(sent)
        assert plain(supervisor.receive(1)) == plain(sent)
    for sent in TO_EXECUTOR:
        supervisor.send(sent)
        assert plain(executor.receive(1)) == plain(sent)
    assert {type(sent) for sent in FROM_EXECUTOR} == set(get_args(m.FromExecutor)), "this test covers every type"
    assert {type(sent) for sent in TO_EXECUTOR} == set(get_args(m.ToExecutor))


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b'{"kind": "unheard_of"}',
        b'{"kind": "end", "run": 7, "node": "a"}',
        b'{"kind": "end", "run": "seven"}',
        b'{"kind": "stored", "run": 7, "node": "a", "ref": {"kind": "image", "sha256": "short"}}',
    ],
)
def test_an_invalid_message_is_refused(ends: tuple[socket.socket, socket.socket], body: bytes) -> None:
    Wire(ends[1]).send(body)
    with pytest.raises(m.Unreadable):
        m.to_executor(ends[0]).receive(1)


OTHER = """
import socket, sys, orjson
from workbench.engine.wire import Wire
end = Wire(socket.socket(fileno=int(next(filter(str.isdigit, sys.argv)))))
end.send(orjson.dumps({"kind": "ready", "pid": 1, "capabilities": []} | %s))
end.receive()
"""


@pytest.mark.parametrize(("said", "version"), [("{'version': 99}", 99), ("{}", 0)])
def test_an_executor_of_another_version_is_refused_with_a_remedy(tmp_path: Path, said: str, version: int) -> None:
    program = tmp_path / "python"  # an interpreter with another version of the workbench
    script = tmp_path / "other.py"
    script.write_text(OTHER % said)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    child = ExecutorProcess("w.0", tmp_path, tmp_path / "cache", 1 << 20, {}, python=str(program))
    with pytest.raises(WorkbenchError) as caught:
        child.ensure()
    error = caught.value
    assert (error.code, error.where, error.seen, error.allowed) == (
        "worker.other_version",
        str(program),
        version,
        m.VERSION,
    )
    assert error.remedy and not child.alive and child.services == []


def test_an_executor_exits_when_it_cannot_read_a_message(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "workbench.engine.executor",
                    *(str(theirs.fileno()), str(os.getpid()), str(tmp_path), "1000", str(tmp_path)),
                ],
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
            )
        supervisor = Wire(ours)
        assert orjson.loads(supervisor.receive(60) or b"{}")["kind"] == "ready"
        supervisor.send(b'{"kind": "run", "of": "tomorrow"}')
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1 and b"cannot be read" in said
