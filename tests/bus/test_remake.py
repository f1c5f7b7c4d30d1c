"""The output of a completed node is lost and a later node needs it: the only way back from completed."""

from __future__ import annotations

import pytest

from schemas.event import NodeLoss, NodeWait
from schemas.status import NodeStatus, WaitReason
from tests.bus.driver import Driver, failure_of, job_status, planned, result_of, statuses
from tests.bus.test_leases import event_types, take
from tests.engine.graphs import checked, document
from workbench.bus.bus import Bus
from workbench.bus.results import Taken, Verdict

pytestmark = pytest.mark.stack
WHY = NodeWait(reason=WaitReason.INPUT_LOST, artifact="0" * 64).to_json()
LOSS = NodeLoss(artifact="0" * 64, reader="b").to_json()
KEY = "k" * 64


def node(service: str) -> dict[str, object]:
    return {"service": service, "input": {"text": None}, "retries": {"maxAttempts": 1}}


CONTROL, DATA = node("probe.control"), node("probe.data")
OVER_PLANES = document({"a": DATA, "b": CONTROL, "c": DATA, "d": CONTROL}, [("a", "b"), ("a", "c"), ("b", "d")])


def remake(bus: Bus, taken: Taken, node: str, *producers: str) -> Verdict:
    return bus.remake(taken.lease, node, producers, why=WHY, loss=LOSS)


def start_first(bus: Bus, raw: dict[str, object] = OVER_PLANES) -> Taken:
    """Take the first data segment and commit its first node."""
    assert bus.accept(planned("job", raw), 1) is Verdict.OK
    first = take(bus, "maker")
    assert bus.commit(first.lease, "a", result_of("a"))[0] is Verdict.OK
    return first


def test_the_producer_runs_again_and_then_the_reader(bus: Bus) -> None:
    first = start_first(bus)
    assert bus.commit(first.lease, "c", result_of("c"))[0] is Verdict.OK
    reader = take(bus, "reader", pool="control")
    assert remake(bus, reader, "b", "a") is Verdict.RETRY
    assert event_types(bus)[-2:] == ["node.waiting b", "node.lost a"]
    assert bus.leases() == [] and bus.take("idle", "", "control", block=False) is None
    assert bus.commit(first.lease, "a", result_of("a"))[0] is Verdict.FENCED, "its lease is no longer valid"
    assert bus.commit(reader.lease, "b", result_of("b"))[0] is Verdict.FENCED
    again = take(bus, "again")
    assert (again.status, again.attempt) == ({"a": "running", "c": "completed"}, 1)
    assert bus.commit(again.lease, "a", b'{"output": {"text": "new"}}')[0] is Verdict.OK
    heir = take(bus, "heir", pool="control")
    assert (heir.attempt, heir.results["a"]) == (1, b'{"output": {"text": "new"}}'), "waiting counted as an attempt"
    for name in ("b", "d"):
        assert bus.commit(heir.lease, name, result_of(name))[0] is Verdict.OK
    assert set(statuses(bus, "job", checked(OVER_PLANES).graph).values()) == {NodeStatus.COMPLETED}
    assert job_status(bus, "job") == "completed"
    assert event_types(bus).count("node.completed c") == 1, "an intact output was produced again"


def test_within_a_segment_execution_returns_to_the_producer(bus: Bus) -> None:
    chain = document({"a": DATA, "b": DATA, "c": DATA}, [("a", "b"), ("b", "c")])
    first = start_first(bus, chain)
    assert bus.commit(first.lease, "b", result_of("b"))[0] is Verdict.OK
    assert remake(bus, first, "c", "a") is Verdict.RETRY, "c names an output of a without an edge from it"
    again = take(bus, "again")
    assert again.status == {"a": "running", "b": "completed", "c": "pending"}
    assert bus.commit(again.lease, "a", result_of("a"))[0] is Verdict.OK
    assert bus.commit(again.lease, "c", result_of("c"))[0] is Verdict.OK
    assert job_status(bus, "job") == "completed" and bus.leases() == []


def test_a_reader_in_another_segment_waits_for_the_producer_too(bus: Bus) -> None:
    first = start_first(bus)
    reader = take(bus, "reader", pool="control")
    assert bus.release(first.lease) is Verdict.OK  # c, in the producer's segment, is open
    assert remake(bus, reader, "b", "a") is Verdict.RETRY
    again = take(bus, "again")
    assert again.status == {"a": "running", "c": "pending"}
    bus.requeue("job", bus.segments("job"))
    assert bus.take("idle", "", "control", block=False) is None, "its parent has not ended"
    Driver(bus).finish()
    assert bus.leases()[0].worker == "again"
    for name in ("a", "c"):
        assert bus.commit(again.lease, name, result_of(name))[0] is Verdict.OK
    Driver(bus).finish()
    assert job_status(bus, "job") == "completed"


def test_a_reader_waits_for_a_producer_whose_segment_is_running(bus: Bus) -> None:
    first = start_first(bus)  # c still runs
    reader = take(bus, "reader", pool="control")
    assert remake(bus, reader, "b", "a") is Verdict.RETRY
    assert bus.leases_and_delays()[1] == {("job", reader.lease.segment): 1.0}
    assert event_types(bus)[-1] == "node.waiting b"
    assert bus.commit(first.lease, "c", result_of("c"))[0] is Verdict.OK
    assert bus.wake("job", reader.lease.segment) is Verdict.OK
    reader = take(bus, "reader", known=reader.lease.fence, pool="control")
    assert remake(bus, reader, "b", "a") is Verdict.RETRY
    Driver(bus).finish()
    assert job_status(bus, "job") == "completed"


def test_a_node_fails_after_three_useless_remakes(bus: Bus) -> None:
    start_first(bus)
    known = ""
    for verdict in (Verdict.RETRY, Verdict.RETRY, Verdict.RETRY, Verdict.FINAL):
        while hand := Driver(bus).take("w", "data.cpu"):
            while Driver(bus).step(hand):
                pass
        for held in bus.leases():
            bus.expire(held, failure_of("c"))
        reader = take(bus, "reader", known=known, pool="control")
        known = reader.lease.fence
        assert remake(bus, reader, "b", "a") is verdict
    assert bus.fail(reader.lease, "b", failure_of("b"), retry=False) is Verdict.FINAL


def test_a_producer_that_fails_now_skips_its_reader(bus: Bus) -> None:
    first = start_first(bus)
    assert bus.commit(first.lease, "c", result_of("c"))[0] is Verdict.OK
    assert remake(bus, take(bus, "reader", pool="control"), "b", "a") is Verdict.RETRY
    again = take(bus, "again")
    assert bus.fail(again.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    found = statuses(bus, "job", checked(OVER_PLANES).graph)
    assert found == {"a": "failed", "b": "skipped", "c": "completed", "d": "skipped"}
    assert job_status(bus, "job") == "failed"


def test_a_node_that_lost_its_own_part_restarts(bus: Bus) -> None:
    assert bus.accept(planned("job", OVER_PLANES), 1) is Verdict.OK
    first = take(bus, "w")
    assert bus.part(first.lease, "a", 0, b"{}") is Verdict.OK
    assert remake(bus, first, "a", "a") is Verdict.RETRY
    again = take(bus, "w", known=first.lease.fence)
    assert (again.parts, again.attempt) == ({}, 1)


def test_jobs_that_wait_for_the_reader_need_not_wait_for_its_input(bus: Bus) -> None:
    raw = document({"a": DATA, "b": {"service": "probe.cached", "input": {"text": None}}}, [("a", "b")])
    first = start_first(bus, raw)
    assert bus.claim(first.lease, "b", KEY)[0] is Verdict.OK
    assert bus.accept(planned("other", document({"b": "probe.cached"})), 1) is Verdict.OK
    second = take(bus, "second")
    assert bus.claim(second.lease, "b", KEY)[0] is Verdict.PARKED
    assert remake(bus, first, "b", "a") is Verdict.RETRY
    taken = [take(bus, f"w{index}").lease.job for index in range(2)]
    assert sorted(taken) == ["job", "other"]


def test_an_invalid_lease_or_a_cancelled_job_reopens_nothing(bus: Bus) -> None:
    first = start_first(bus)
    reader = take(bus, "reader", pool="control")
    assert bus.release(reader.lease) is Verdict.OK
    before = event_types(bus)
    assert remake(bus, reader, "b", "a") is Verdict.FENCED
    assert bus.cancel("job") is Verdict.OK
    assert remake(bus, first, "c", "a") is Verdict.CANCELLED
    assert [event for event in event_types(bus) if event.startswith("node.lost")] == []
    assert before == event_types(bus)[: len(before)]
