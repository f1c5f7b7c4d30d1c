"""Leases with the real scripts: what a worker may do while it holds one, and that it can do nothing afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.event import EventType
from schemas.status import NodeStatus
from tests.bus.driver import Driver, failure_of, job_status, planned, result_of, statuses
from tests.engine.graphs import checked, document
from workbench.bus.bus import Bus
from workbench.bus.fields import NodeField
from workbench.bus.results import Taken, Verdict

pytestmark = pytest.mark.stack
CHAIN = document({"a": "probe.data", "b": "probe.data", "c": "probe.data"}, [("a", "b"), ("b", "c")])


def accept(bus: Bus, raw: dict[str, Any] = CHAIN, job: str = "job", **fields: Any) -> None:
    assert bus.accept(planned(job, raw), 1) is Verdict.OK


def take(bus: Bus, worker: str = "w", known: str = "", pool: str = "data.cpu") -> Taken:
    taken = bus.take(worker, known, pool, block=False)
    assert taken is not None
    return taken


def event_types(bus: Bus, job: str = "job") -> list[str]:
    return [f"{event.type.value} {event.node}".strip() for event in bus.events(job)]


def test_accepting_twice_has_no_further_effect(bus: Bus) -> None:
    accept(bus)
    assert bus.accept(planned("job", CHAIN), 1) is Verdict.EXISTS
    take(bus)
    assert bus.take("other", "", "data.cpu", block=False) is None
    assert event_types(bus) == ["job.accepted", "node.running a"]


def test_accepting_in_another_epoch_waits_and_writes_nothing(bus: Bus) -> None:
    assert bus.accept(planned("job", CHAIN), 2) is Verdict.WAIT
    assert not bus.knows("job")


def test_a_finished_job_that_the_bus_forgot_is_not_accepted_again(bus: Bus) -> None:
    accept(bus, document({"a": "probe.data"}))
    Driver(bus).finish()
    bus.confirm(bus.outbox("")[-1].id, ["job"])
    assert not bus.knows("job")
    # A client was slow between SQL and the bus, and the job was cancelled or finished in the meantime.
    assert bus.accept(planned("job", document({"a": "probe.data"})), 1) is Verdict.EXISTS
    assert not bus.knows("job")


def test_a_job_with_only_cache_hits_finishes_when_it_is_accepted(bus: Bus) -> None:
    assert bus.accept(planned("job", CHAIN, {"a", "b", "c"}), 1) is Verdict.OK
    assert job_status(bus, "job") == "completed"
    assert bus.queues.entries() == []
    assert event_types(bus) == [
        "job.accepted",
        "node.completed a",
        "node.completed b",
        "node.completed c",
        "job.completed",
    ]


def test_a_repeated_commit_gets_the_same_answer_and_changes_nothing(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK
    before = event_types(bus)
    assert bus.commit(taken.lease, "a", b'{"output": {"text": "other"}}')[0] is Verdict.AGAIN
    assert event_types(bus) == before
    assert bus.client.hget(bus.keys.job("job"), NodeField.RESULT.of("a")) == result_of("a")


def test_a_repeated_last_failure_gets_the_same_answer(bus: Bus) -> None:
    raw = document({"a": "probe.control", "b": "probe.control"}, [("a", "b", "on_failure")])
    accept(bus, raw)
    taken = take(bus, pool="control")
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    before = event_types(bus)
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    assert event_types(bus) == before
    assert bus.commit(taken.lease, "b", result_of("b"))[0] is Verdict.OK


def test_the_last_commit_enqueues_the_next_segment(bus: Bus) -> None:
    accept(bus, document({"a": "probe.data"}), job="first")
    accept(bus, document({"a": "probe.data"}), job="second")
    taken = take(bus)
    verdict, following = bus.commit(taken.lease, "a", result_of("a"), worker="w", then_take="data.cpu")
    assert verdict is Verdict.OK
    assert following is not None and following.lease.job == "second"
    assert following.lease.n > taken.lease.n


def test_a_worker_whose_lease_was_taken_over_cannot_change_anything(bus: Bus) -> None:
    accept(bus)
    lost = take(bus, "lost")
    assert bus.renew(lost.lease) is Verdict.OK
    assert bus.expire(bus.leases()[0], failure_of("a")) is Verdict.RETRY
    heir = take(bus, "heir")
    assert (heir.lease.segment, heir.attempt) == (lost.lease.segment, 2)
    for verdict in (
        bus.commit(lost.lease, "a", result_of("a"))[0],
        bus.fail(lost.lease, "a", failure_of("a"), retry=True),
        bus.renew(lost.lease),
        bus.release(lost.lease),
        bus.part(lost.lease, "a", 0, b"{}"),
    ):
        assert verdict is Verdict.FENCED
    assert bus.commit(heir.lease, "a", result_of("a"))[0] is Verdict.OK


def test_expire_requires_an_unchanged_lease(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    seen = bus.leases()[0]
    assert seen.worker == "w"
    assert bus.renew(taken.lease) is Verdict.OK
    assert bus.expire(seen, failure_of("a")) is Verdict.MOVED
    assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK


def test_a_lease_without_a_heartbeat_costs_no_attempt(bus: Bus) -> None:
    accept(bus)
    take(bus, "silent")
    assert bus.expire(bus.leases()[0], failure_of("a")) is Verdict.RETRY
    assert take(bus, "heir").attempt == 1


def test_a_node_fails_when_its_last_attempt_is_lost_with_its_worker(bus: Bus) -> None:
    raw = document({"a": {"service": "probe.data", "retries": {"maxAttempts": 2}}, "b": "probe.data"}, [("a", "b")])
    accept(bus, raw)
    for verdict in (Verdict.RETRY, Verdict.FINAL):
        taken = take(bus, "w", known="1:999999")
        assert bus.renew(taken.lease) is Verdict.OK
        assert bus.expire(bus.leases()[0], failure_of("a")) is verdict
    assert job_status(bus, "job") == "failed"
    assert statuses(bus, "job", checked(raw).graph) == {"a": NodeStatus.FAILED, "b": NodeStatus.SKIPPED}
    assert bus.take("w", "1:999999", "data.cpu", block=False) is None


def test_a_returned_segment_costs_no_attempt_and_goes_first(bus: Bus) -> None:
    accept(bus, job="first")
    accept(bus, job="second")
    taken = take(bus)
    assert bus.release(taken.lease) is Verdict.OK
    again = take(bus, known=taken.lease.fence)
    assert (again.lease.job, again.attempt) == ("first", 1)


def test_a_lost_answer_is_repeated(bus: Bus) -> None:
    accept(bus)
    lost_answer = take(bus, "w", known="")
    again = take(bus, "w", known="")
    assert again == lost_answer
    assert bus.take("w", again.lease.fence, "data.cpu", block=False) is None  # the worker has confirmed it


def test_a_resumed_segment_includes_finished_nodes_and_parts(bus: Bus) -> None:
    accept(bus)
    first = take(bus, "first")
    assert bus.commit(first.lease, "a", result_of("a"))[0] is Verdict.OK
    for index in range(3):
        assert bus.part(first.lease, "b", index, b'{"n": %d}' % index) is Verdict.OK
    assert bus.renew(first.lease) is Verdict.OK
    assert bus.expire(bus.leases()[0], failure_of("b")) is Verdict.RETRY
    heir = take(bus, "heir")
    assert heir.results == {"a": result_of("a")}
    assert heir.status["a"] == "completed"
    assert heir.parts == {"b": [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']}


def test_stale_entries_are_dropped_from_the_queue(bus: Bus) -> None:
    for job in ("cancelled", "twice"):
        accept(bus, job=job)
    assert bus.cancel("cancelled") is Verdict.OK
    bus.requeue("twice", bus.segments("twice"))
    assert bus.client.xlen(bus.keys.queue("data.cpu", "interactive")) == 3
    assert take(bus, "w").lease.job == "twice"
    assert bus.take("other", "", "data.cpu", block=False) is None
    assert bus.queues.entries() == []


def test_lanes_are_served_in_order(bus: Bus) -> None:
    for job, lane in (("sweep", "batch"), ("person", "interactive")):
        plan = planned(job, CHAIN)
        plan.lane = lane
        assert bus.accept(plan, 1) is Verdict.OK
    first = take(bus)
    assert first.lease.job == "person"
    assert take(bus, known=first.lease.fence).lease.job == "sweep"


@pytest.mark.parametrize("committed", [0, 1, 2])
def test_nothing_becomes_visible_after_a_cancel(bus: Bus, committed: int) -> None:
    accept(bus)
    taken = take(bus)
    for node in "abc"[:committed]:
        assert bus.commit(taken.lease, node, result_of(node))[0] is Verdict.OK
    assert bus.cancel("job") is Verdict.OK
    before = event_types(bus)
    assert before[-1] == "job.cancelled"
    node = "abc"[committed]
    assert bus.commit(taken.lease, node, result_of(node))[0] is Verdict.CANCELLED
    assert bus.fail(taken.lease, node, failure_of(node), retry=True) is Verdict.CANCELLED
    assert bus.renew(taken.lease) is Verdict.CANCELLED
    assert bus.cancel("job") is Verdict.FINAL
    assert event_types(bus) == before
    final = statuses(bus, "job", checked(CHAIN).graph)
    assert [final[name] for name in "abc"] == [NodeStatus.COMPLETED] * committed + [NodeStatus.CANCELLED] * (
        3 - committed
    )
    assert bus.leases() == []
    assert bus.take("w", taken.lease.fence, "data.cpu", block=False) is None


def test_cancelling_an_unknown_or_finished_job(bus: Bus) -> None:
    assert bus.cancel("nothing") is Verdict.UNKNOWN
    accept(bus)
    Driver(bus).finish()
    assert bus.cancel("job") is Verdict.FINAL
    assert event_types(bus)[-1] == "job.completed"


def test_progress_keeps_the_last_value_and_is_removed_with_the_job(bus: Bus) -> None:
    accept(bus, document({"a": "probe.data"}))
    taken = take(bus)
    bus.renew(taken.lease, {"a": b"1"})
    bus.renew(taken.lease, {"a": b"2"})
    assert bus.progress("job") == {"a": b"2"}
    bus.commit(taken.lease, "a", result_of("a"))
    bus.confirm(bus.outbox("")[-1].id, ["job"])
    assert bus.progress("job") == {}


def test_an_unfinished_job_is_not_forgotten(bus: Bus) -> None:
    accept(bus)
    assert bus.confirm(bus.outbox("")[-1].id, ["job"]) == 0
    assert bus.knows("job")


def test_event_types_cover_all_types_in_the_scripts(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=True) is Verdict.RETRY
    taken = take(bus, known=taken.lease.fence)
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    assert [event.type for event in bus.events("job")] == [
        EventType.JOB_ACCEPTED,
        EventType.NODE_RUNNING,
        EventType.NODE_RETRYING,
        EventType.NODE_RUNNING,
        EventType.NODE_FAILED,
        EventType.NODE_SKIPPED,
        EventType.NODE_SKIPPED,
        EventType.JOB_FAILED,
    ]


def test_a_worker_that_deregisters_leaves_no_keys(bus: Bus) -> None:
    accept(bus)
    bus.announce("w", b"{}", for_s=60)
    taken = take(bus, "w.0")
    bus.release(taken.lease)
    bus.leave("w", ["w.0"])
    assert bus.queues.workers() == {}
    left = {key.decode() for key in bus.client.scan_iter(f"{bus.keys.prefix}*", count=1000)}
    assert not any("granted" in key or "worker" in key for key in left), left
