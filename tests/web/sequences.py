"""Sequences of events of a job, as the bus writes them and as watchers get to hear them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from schemas.approval import Decision, Question
from schemas.errors import ErrorInfo
from schemas.event import Event, EventType, NodeFailure, NodeLoss, NodeResult, NodeStart, NodeWait
from schemas.graph import Graph
from schemas.job import JobRecord, NodeRecord
from schemas.series import NodeSeries
from schemas.status import JobStatus, Plane, WaitReason

E = EventType
Told = tuple[EventType, str, dict[str, Any]]
NODES = ("a", "b", "c", "d")
GRAPH = Graph.model_validate(
    {
        "schema": "langgraph.v1",
        "nodes": [{"id": node, "service": f"x.{node}", "plane": "data"} for node in NODES],
        "edges": [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}, {"from": "c", "to": "d", "kind": "on_failure"}],
    }
)
ERROR = ErrorInfo(code="node.failed", message="it broke", details={"where": "a"})


def record(status: JobStatus = JobStatus.ACCEPTED) -> JobRecord:
    """The job before any event."""
    nodes = [NodeRecord(id=node.id, service=node.service, plane=Plane.DATA) for node in GRAPH.nodes]
    return JobRecord(id="job", status=status, graph=GRAPH, graph_hash="", nodes=nodes)


def _json(model: Any) -> dict[str, Any]:
    return dict(model.model_dump(mode="json", by_alias=True))


def running(node: str, attempt: int = 1) -> Told:
    return E.NODE_RUNNING, node, _json(NodeStart(worker="w1", attempt=attempt))


def completed(node: str, **more: Any) -> Told:
    result = NodeResult(output={"text": node, "n": [1, None]}, seconds=1.5, metrics={"m": 0.5}, worker="w2", **more)
    return E.NODE_COMPLETED, node, _json(result)


def failed(node: str, type_: EventType = E.NODE_FAILED, **more: Any) -> Told:
    return type_, node, _json(NodeFailure(error=ERROR, seconds=0.5, **more))


def waits(node: str, reason: WaitReason, **more: Any) -> Told:
    return (
        E.NODE_WAITING,
        node,
        NodeWait(reason=reason, **more).model_dump(mode="json", by_alias=True, exclude_unset=True),
    )


def series(node: str, first: int, count: int = 3, every: int = 1, name: str = "loss") -> Told:
    steps = range(first, first + count * every, every)
    points = [(step, round(2 / (1 + step) + 0.1 * math.sin(step * 12.9898), 6), 100.0 + step) for step in steps]
    return E.NODE_SERIES, node, _json(NodeSeries(points={name: points}))


ASKED = Question(sentence="Is it right?", text="Hello.")
DECIDED: dict[str, Any] = _json(Decision(approved=True, text="Hello.", author="ann", at=1.0))
ACCEPTED: Told = (E.JOB_ACCEPTED, "", {})
SCRIPTED: dict[str, Sequence[Told]] = {
    "nothing yet": [],
    "accepted": [ACCEPTED],
    "to the end": [ACCEPTED, running("a"), completed("a"), running("b"), completed("b"), running("c"), completed("c"),
                   (E.NODE_SKIPPED, "d", {}), (E.JOB_COMPLETED, "", {})],
    "a retry": [ACCEPTED, running("a"), failed("a", E.NODE_RETRYING, worker="w1", started_at=5.0), running("a"),
                completed("a", attempt=2)],
    "a retry of which the worker says nothing": [running("a"), failed("a", E.NODE_RETRYING, attempt=2), running("a")],
    "a handled failure": [running("a"), failed("a"), running("d"), completed("d"), (E.JOB_COMPLETED, "", {})],
    "a failure": [running("a"), failed("a", again=True), (E.NODE_SKIPPED, "c", {}), (E.JOB_FAILED, "a", {})],
    "cancelled while it runs": [running("a"), completed("a"), running("b"), (E.NODE_CANCELLED, "b", {}),
                                (E.JOB_CANCELLED, "", {})],
    "an end after the end": [(E.JOB_CANCELLED, "", {}), (E.JOB_COMPLETED, "", {})],
    "a cache hit": [ACCEPTED, completed("a", cached=True, content_key="k")],
    "a wait for the same computation": [running("a"), waits("a", WaitReason.SAME_COMPUTATION, content_key="k"),
                                        completed("a", cached=True)],
    "a wait for a worker": [ACCEPTED, waits("a", WaitReason.NO_WORKER, pool="data.gpu", services=["x.a 1"])],
    "a worker comes": [running("a"), completed("a"), waits("b", WaitReason.NO_WORKER, pool="data.gpu"),
                       (E.NODE_READY, "b", {}), running("b")],
    "a question and its answer": [running("a"), waits("a", WaitReason.APPROVAL, question=ASKED),
                                  (E.NODE_DECIDED, "a", DECIDED), running("a")],
    "a lost input": [running("a"), completed("a"), running("c"), waits("c", WaitReason.INPUT_LOST, artifact="0" * 64),
                     (E.NODE_LOST, "a", _json(NodeLoss(artifact="0" * 64, reader="c"))), running("a"),
                     completed("a"), running("c")],
    "parts that a node takes": [running("a"), (E.NODE_FIRST_PART, "a", {"kind": "video"}), running("c"),
                                waits("c", WaitReason.NEXT_PART, producer="a"), running("c"), completed("a"),
                                completed("c")],
    "metrics over steps": [running("a"), series("a", 1), series("a", 4), series("a", 1, name="rate"), completed("a")],
    "a training that continues after a checkpoint": [running("a"), series("a", 1, 9), failed("a", E.NODE_RETRYING),
                                                     running("a"), series("a", 6), series("a", 9), series("a", 9, 1)],
    "a training of many steps": [running("a"), *(series("a", 40 * n, 40) for n in range(60)), series("a", 900, 900)],
    "steps far apart": [running("a"), *(series("a", 10**9 * n, 400, 2 * 10**6 + 1) for n in range(5))],
    "no number as a metric": [(E.NODE_COMPLETED, "a", {"output": {}, "metrics": {"m": None, "n": 2}})],
    "a node that nobody knows": [running("z"), completed("z")],
}  # fmt: skip


def numbered(told: Sequence[Told], epochs: Sequence[int] = ()) -> list[Event]:
    """Events with numbers; ``epochs``: before which of them the bus lost its memory."""
    epoch, seq, events = 1, 0, []
    for index, (type_, node, data) in enumerate(told):
        epoch, seq = (epoch + 1, 1) if index in epochs else (epoch, seq + 1)
        events.append(Event(job="job", epoch=epoch, seq=seq, type=type_, node=node, data=data, at=100.0 + index))
    return events


def random_events(draw: random.Random) -> list[Event]:
    """A job that does anything, in any order, with losses of memory."""
    makers = [
        lambda node: running(node, draw.randint(1, 3)),
        lambda node: completed(node, cached=draw.random() < 0.3, attempt=draw.randint(1, 3)),
        lambda node: failed(node, draw.choice((E.NODE_FAILED, E.NODE_RETRYING)), attempt=draw.randint(1, 3)),
        lambda node: waits(node, draw.choice(list(WaitReason)), attempt=2, delay_s=1.5),
        lambda node: (draw.choice((E.NODE_SKIPPED, E.NODE_CANCELLED)), node, {}),
        lambda node: (E.NODE_DECIDED, node, DECIDED),
        lambda node: (E.NODE_READY, node, {}),
        lambda node: (E.NODE_FIRST_PART, node, {"kind": draw.choice(("video", "audio"))}),
        lambda node: series(node, draw.randint(0, 30), draw.randint(1, 5), name=draw.choice(("loss", "rate"))),
        lambda node: (E.NODE_LOST, node, _json(NodeLoss(artifact="", reader="c"))),
    ]
    told = [draw.choice(makers)(draw.choice(NODES)) for _ in range(draw.randint(1, 30))]
    if draw.random() < 0.5:
        told.append((draw.choice((E.JOB_COMPLETED, E.JOB_FAILED, E.JOB_CANCELLED)), draw.choice(NODES), {}))
    return numbered(told, [index for index in range(len(told)) if draw.random() < 0.1])


def heard(events: Sequence[Event], draw: random.Random, *, late: bool) -> list[Event]:
    """The same as a watcher may get them: again after a reattach, twice; ``late``: with gaps that are filled late."""
    again = [*events, *events[draw.randint(0, len(events)) :]] if events else []
    for event in draw.sample(again, min(3, len(again))):
        again.insert(draw.randint(again.index(event) + 1, len(again)), event)
    if late and again:
        again.append(again.pop(draw.randrange(len(again))))
    return again
