"""The state of a job after its events."""

from __future__ import annotations

from schemas.approval import Decision, Question
from schemas.event import Event, EventType, NodeWait, WaitReason
from schemas.graph import Graph
from schemas.job import JobRecord, NodeRecord
from schemas.status import JobStatus, NodeStatus, Plane
from workbench.bus.job_reader import Place
from workbench.client.expectation import Expectation
from workbench.client.live.state import LiveJob


def test_an_answered_node_no_longer_waits() -> None:
    graph = Graph.model_validate({"schema": "langgraph.v1", "nodes": [{"id": "a", "service": "x.a"}], "edges": []})
    node = NodeRecord(id="a", service="x.a", plane=Plane.CONTROL, status=NodeStatus.RUNNING)
    live = LiveJob(
        JobRecord(id="job", status=JobStatus.RUNNING, graph=graph, graph_hash="", nodes=[node]), Expectation()
    )
    wait = NodeWait(reason=WaitReason.APPROVAL, question=Question(sentence="Is it right?", text="Hello."))
    decision = Decision(approved=True, text="Hello.", author="ann", at=1.0)
    live.see(Event(job="job", epoch=1, seq=1, type=EventType.NODE_WAITING, node="a", data=wait.model_dump(mode="json")))
    assert (live.fold.nodes["a"].status, bool(live.state().waiting)) == (NodeStatus.WAITING, True)
    data = decision.model_dump(mode="json")
    live.see(Event(job="job", epoch=1, seq=2, type=EventType.NODE_DECIDED, node="a", data=data))
    assert (live.fold.nodes["a"].status, live.state().waiting) == (NodeStatus.READY, "")


def test_a_paused_pool_is_named_until_the_job_continues() -> None:
    graph = Graph.model_validate({"schema": "langgraph.v1", "nodes": [{"id": "a", "service": "x.a"}], "edges": []})
    node = NodeRecord(id="a", service="x.a", plane=Plane.DATA)
    live = LiveJob(
        JobRecord(id="job", status=JobStatus.RUNNING, graph=graph, graph_hash="", nodes=[node]), Expectation()
    )
    live.set_queue_place(Place("data.cpu", 2, "repairs"))
    assert (live.state().paused, live.state().waiting) == ("cpu", "pool cpu is paused: repairs")
    live.set_queue_place(Place("data.cpu", 2, None))
    assert (live.state().paused, live.state().waiting) == ("", "2 ahead in pool cpu")
    live.set_queue_place(Place("data.cpu", 0, ""))
    live.see(Event(job="job", epoch=1, seq=1, type=EventType.NODE_RUNNING, node="a"))
    assert live.state().paused == ""
