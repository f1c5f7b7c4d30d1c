"""The state of a job after its events."""

from __future__ import annotations

from typing import Any

from schemas.approval import Decision, Question
from schemas.event import Event, EventType, NodeResult, NodeWait, Progress, WaitReason
from schemas.graph import Graph
from schemas.job import JobRecord, NodeRecord
from schemas.live import LiveNode
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


STREAM = Graph.model_validate(
    {
        "schema": "langgraph.v1",
        "nodes": [{"id": "speech", "service": "x.speech"}, {"id": "animate", "service": "x.animate"}],
        "edges": [{"from": "speech", "to": "animate"}],
    }
)
NEXT_PART = NodeWait(reason=WaitReason.NEXT_PART, producer="speech").model_dump(mode="json")


class Stream(LiveJob):
    """A speech, of which another node takes the parts."""

    def __init__(self) -> None:
        nodes = [NodeRecord(id=node.id, service=node.service, plane=Plane.DATA) for node in STREAM.nodes]
        record = JobRecord(
            id="job", status=JobStatus.RUNNING, graph=STREAM, graph_hash="", nodes=nodes, created_at=100.0
        )
        super().__init__(record, Expectation())
        self.seq = 0
        self.happened(EventType.NODE_RUNNING, "speech")
        self.happened(EventType.NODE_RUNNING, "animate")

    def happened(self, type_: EventType, node: str, data: dict[str, Any] | None = None) -> None:
        self.seq += 1
        self.see(Event(job="job", epoch=1, seq=self.seq, type=type_, node=node, data=data or {}, at=100.0 + self.seq))

    def animated(self, frames: int, known: int, parts: int) -> LiveNode:
        self.report([Progress(node="animate", done=frames, total=known, unit="frames")], {"animate": parts})
        return self.state().nodes["animate"]


def test_a_node_between_two_parts_is_at_work_and_keeps_what_it_has() -> None:
    job = Stream()
    job.report([Progress(node="speech", done=1, total=4)], {"speech": 1})
    before = job.animated(40, 50, parts=1)
    job.happened(EventType.NODE_WAITING, "animate", NEXT_PART)
    assert job.state().nodes["animate"] == before, "the line flickers"
    assert (job.working, job.state().waiting) == (["speech", "animate"], "")
    job.happened(EventType.NODE_RUNNING, "animate")
    again = job.animated(0, 1, parts=1)  # it runs again from its beginning
    assert (again.done, again.total, again.parts, again.fraction) == (40, 50, 1, before.fraction)
    assert (again.growing, again.done_sentence()) == (True, "40 of 50+ frames")


def test_progress_never_goes_back_while_the_total_grows() -> None:
    job, shares = Stream(), []
    for sentence in range(1, 5):
        job.report([Progress(node="speech", done=sentence, total=4)], {"speech": sentence})
        shares += [
            job.animated(frames, 50 * sentence, sentence).fraction for frames in (50 * sentence - 49, 50 * sentence)
        ]
    assert shares == sorted(shares)
    assert shares[1] <= 0.25, "the share of what is known was taken for that of the whole"
    job.happened(EventType.NODE_COMPLETED, "speech", NodeResult(output={}, seconds=1.0).model_dump(mode="json"))
    assert job.animated(150, 200, parts=4).fraction == 1.0  # as before, although more is to be done than it seemed
    assert not job.state().nodes["animate"].growing


def test_the_first_frame_is_that_of_a_video() -> None:
    job = Stream()
    job.happened(EventType.NODE_FIRST_PART, "speech", {"kind": "audio"})
    assert job.state().first_frame_seconds is None
    job.happened(EventType.NODE_FIRST_PART, "animate", {"kind": "video"})
    assert job.state().first_frame_seconds == job.seq
