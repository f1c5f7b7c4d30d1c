"""Approvals: the segment waits without a lease, and only the first answer continues it."""

from __future__ import annotations

import pytest

from schemas.approval import Decision, Question
from schemas.event import NodeResult, NodeWait
from schemas.status import WaitReason
from tests.bus.driver import failure_of, job_status, planned, result_of
from tests.bus.test_leases import event_types, take
from tests.bus.test_memory import begin, wipe
from tests.engine.graphs import checked, document
from workbench.bus.bus import Bus
from workbench.bus.results import Lease, Taken, Verdict
from workbench.engine.plan import plan

pytestmark = pytest.mark.stack
ASK = {"service": "review.script", "input": {"narration": "Good morning."}}
RAW = document({"ask": ASK, "b": {"service": "probe.control", "input": {"text": "$ask.narration"}}}, [("ask", "b")])
WHY = NodeWait(reason=WaitReason.APPROVAL, question=Question(sentence="Well?", text="Good morning.")).to_json()
YES = Decision(approved=True, text="Good evening.", edited=True, author="ada", at=1.5).to_json()
NO = Decision(approved=False, author="bob", at=2.5).to_json()


def asked(bus: Bus, worker: str = "w") -> Taken:
    assert bus.accept(planned("job", RAW), 1) is Verdict.OK
    taken = take(bus, worker, pool="control")
    assert bus.ask(taken.lease, "ask", WHY) == (Verdict.PARKED, None)
    return taken


def queue_is_empty(bus: Bus, worker: str = "other") -> bool:
    return bus.take(worker, "", "control", block=False) is None


def test_a_segment_waits_without_a_lease_and_continues_with_the_answer(bus: Bus) -> None:
    asked(bus)
    assert not bus.leases() and not bus.queues.entries() and queue_is_empty(bus)
    assert bus.asked("job", ["ask", "b"]) == {"ask": WHY}
    assert event_types(bus)[-1] == "node.waiting ask"
    assert bus.decide("job", "ask", YES) is Verdict.OK
    assert bus.asked("job", ["ask", "b"]) == {}
    taken = take(bus, "other", pool="control")
    assert taken.attempt == 1, "waiting counted as an attempt"
    assert bus.ask(taken.lease, "ask", WHY) == (Verdict.OK, YES)
    assert bus.commit(taken.lease, "ask", result_of("ask"))[0] is Verdict.OK
    assert take(bus, "third", pool="control").lease.segment != taken.lease.segment
    assert event_types(bus)[2:5] == ["node.waiting ask", "node.decided ask", "node.running ask"]


def test_the_first_answer_is_final_and_repeating_it_wakes_no_worker(bus: Bus) -> None:
    asked(bus)
    assert bus.decide("job", "ask", YES) is Verdict.OK
    for other in (YES, NO):
        assert bus.decide("job", "ask", other) is Verdict.AGAIN
    assert len(bus.queues.entries()) == 1
    taken = take(bus, pool="control", worker="other")
    assert bus.ask(taken.lease, "ask", WHY)[1] == YES
    assert event_types(bus).count("node.decided ask") == 1


def test_an_answer_before_the_question_is_kept(bus: Bus) -> None:
    assert bus.accept(planned("job", RAW), 1) is Verdict.OK
    assert bus.decide("job", "ask", YES) is Verdict.OK
    taken = take(bus, pool="control")
    assert bus.ask(taken.lease, "ask", WHY) == (Verdict.OK, YES)
    assert "node.waiting ask" not in event_types(bus)


def test_stale_entries_of_a_waiting_segment_are_dropped(bus: Bus) -> None:
    taken = asked(bus)
    fields = {"j": "job", "s": taken.lease.segment}
    bus.client.xadd(bus.keys.queue("control", "interactive"), fields)  # type: ignore[arg-type]
    assert queue_is_empty(bus)
    assert not bus.queues.entries()
    assert bus.requeue("job", bus.segments("job")) == 0


def test_a_worker_that_lost_the_lease_cannot_ask(bus: Bus) -> None:
    taken = asked(bus)
    assert bus.ask(taken.lease, "ask", WHY)[0] is Verdict.FENCED
    assert bus.cancel("job") is Verdict.OK
    assert bus.ask(taken.lease, "ask", WHY)[0] is Verdict.CANCELLED
    assert event_types(bus).count("node.waiting ask") == 1


def test_an_answer_for_an_ended_node_is_refused(bus: Bus) -> None:
    asked(bus)
    assert bus.decide("job", "nowhere", YES) is Verdict.UNKNOWN
    assert bus.decide("nowhere", "ask", YES) is Verdict.UNKNOWN
    assert bus.cancel("job") is Verdict.OK
    assert job_status(bus, "job") == "cancelled"
    assert bus.decide("job", "ask", YES) is Verdict.FINAL
    assert queue_is_empty(bus)


def test_the_next_worker_gets_the_answer_when_a_worker_dies_with_it(bus: Bus) -> None:
    asked(bus)
    bus.decide("job", "ask", YES)
    taken = take(bus, "dying", pool="control")
    (held,) = bus.leases()
    assert bus.expire(held, failure_of("ask")) is Verdict.RETRY
    again = take(bus, "next", pool="control")
    assert again.lease.fence != taken.lease.fence
    assert bus.ask(again.lease, "ask", WHY) == (Verdict.OK, YES)


def test_an_attempt_that_fails_after_the_answer_waits_for_its_pause_not_for_a_person(bus: Bus) -> None:
    asked(bus)
    bus.decide("job", "ask", YES)
    taken = take(bus, "other", pool="control")
    assert bus.fail(taken.lease, "ask", failure_of("ask"), retry=True, delay_s=1.0) is Verdict.RETRY
    assert bus.asked("job", ["ask"]) == {}
    assert bus.wake("job", taken.lease.segment) is Verdict.OK
    assert bus.ask(take(bus, "third", pool="control").lease, "ask", WHY)[1] == YES


def put_back(bus: Bus, epoch: int, *, waits: bool) -> None:
    again = plan("job", checked(RAW), seed=0, results={}, announce=False, asked={"ask": WHY} if waits else None)
    assert bus.accept(again, epoch) is Verdict.OK


def test_a_waiting_job_still_waits_after_a_wipe(bus: Bus) -> None:
    asked(bus)
    wipe(bus)
    begin(bus, 2)
    put_back(bus, 2, waits=True)
    assert bus.requeue("job", bus.segments("job")) == 0
    bus.open_deployment(2)
    assert queue_is_empty(bus)
    assert bus.asked("job", ["ask", "b"]) == {"ask": WHY}
    assert bus.decide("job", "ask", YES) is Verdict.OK
    assert bus.ask(take(bus, "other", pool="control").lease, "ask", WHY)[1] == YES


def test_an_answer_delivered_after_a_wipe_continues_the_job(bus: Bus) -> None:
    asked(bus)
    bus.decide("job", "ask", YES)
    wipe(bus)
    begin(bus, 2)
    put_back(bus, 2, waits=True)
    assert bus.decide("job", "ask", YES) is Verdict.OK
    bus.requeue("job", bus.segments("job"))
    bus.open_deployment(2)
    taken = take(bus, "other", pool="control")
    assert bus.ask(taken.lease, "ask", WHY)[1] == YES
    assert queue_is_empty(bus, "third"), "an entry that was enqueued twice was taken twice"


def test_a_worker_keeps_the_answered_segment_after_a_wipe(bus: Bus) -> None:
    """In SQL the job still waits, but the worker already has the answer."""
    asked(bus)
    bus.decide("job", "ask", YES)
    taken = take(bus, "other", pool="control")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, 2, waits=True)
    bus.decide("job", "ask", YES)
    verdict, fence = bus.adopt(taken.lease, "other", {})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    assert queue_is_empty(bus, "third")
    lease = Lease("job", taken.lease.segment, fence)
    assert bus.commit(lease, "ask", NodeResult(output={"narration": "Good evening."}).to_json())[0] is Verdict.OK
