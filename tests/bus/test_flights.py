"""Shared computations: which job runs a node, which jobs wait, and which one takes over after a failure."""

from __future__ import annotations

import pytest

from schemas.status import Lane
from tests.bus.driver import Driver, failure_of, planned, result_of
from tests.bus.test_leases import event_types, take
from tests.bus.test_memory import begin, put_back, wipe
from tests.engine.graphs import document
from workbench.bus.bus import Bus
from workbench.bus.results import Lease, Taken, Verdict

pytestmark = pytest.mark.stack
KEY = "k" * 64
ONE = document({"a": "probe.cached"})


def accept(bus: Bus, job: str, lane: Lane = Lane.INTERACTIVE) -> None:
    plan = planned(job, ONE)
    plan.lane = lane
    assert bus.accept(plan, 1) is Verdict.OK


def at_work(bus: Bus, *jobs: str) -> list[Taken]:
    """Take each job with a worker of the same name."""
    found = []
    for job in jobs:
        accept(bus, job)
        found.append(take(bus, job))
    return found


def claim(bus: Bus, taken: Taken, **options: bool) -> Verdict:
    return bus.claim(taken.lease, "a", KEY, **options)[0]


def test_a_second_job_waits_without_a_worker_and_gets_the_result(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    assert [held.job for held in bus.leases()] == ["first"]
    assert bus.take("idle", "", "data.cpu", block=False) is None
    assert event_types(bus, "second")[-1] == "node.waiting a"
    assert bus.commit(first.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    again = take(bus, "idle")
    assert (again.lease.job, again.attempt) == ("second", 1), "waiting counted as an attempt"
    assert bus.claim(again.lease, "a", KEY) == (Verdict.KNOWN, result_of("a"))
    assert bus.commit(again.lease, "a", result_of("a"))[0] is Verdict.OK
    assert nothing_is_left(bus)


def nothing_is_left(bus: Bus) -> bool:
    left = [key.decode() for key in bus.client.scan_iter(f"{bus.keys.prefix}*", count=1000)]
    return not any(":flights" in key or ":waiters" in key or ":delayed" in key for key in left)


def test_a_repeated_claim_gets_the_same_answer(bus: Bus) -> None:
    (first,) = at_work(bus, "first")
    assert claim(bus, first) is claim(bus, first) is Verdict.OK


@pytest.mark.parametrize("end", ["cancel", "fail", "expire"])
def test_the_first_waiting_job_replaces_one_that_ends_without_a_result(bus: Bus, end: str) -> None:
    first, second, third = at_work(bus, "first", "second", "third")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is claim(bus, third) is Verdict.PARKED
    if end == "cancel":
        assert bus.cancel("first") is Verdict.OK
    elif end == "fail":
        assert bus.fail(first.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    else:
        bus.client.hset(bus.keys.job("first"), "mx:a", 1)
        bus.renew(first.lease)
        assert bus.expire(next(h for h in bus.leases() if h.job == "first"), failure_of("a")) is Verdict.FINAL
    heir = take(bus, "heir")
    assert heir.lease.job == "second"
    assert bus.take("idle", "", "data.cpu", block=False) is None, "more than one waiting job was woken"
    assert claim(bus, heir) is Verdict.OK
    assert bus.commit(heir.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    last = take(bus, "idle")
    assert last.lease.job == "third"
    assert claim(bus, last) is Verdict.KNOWN


def test_a_job_that_arrives_while_the_successor_is_queued_waits_for_it(bus: Bus) -> None:
    first, second, late = at_work(bus, "first", "second", "late")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    bus.cancel("first")
    assert claim(bus, late) is Verdict.PARKED
    heir = take(bus, "heir")
    assert (heir.lease.job, claim(bus, heir)) == ("second", Verdict.OK)


def test_a_cancelled_successor_passes_the_claim_on(bus: Bus) -> None:
    first, second, third = at_work(bus, "first", "second", "third")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is claim(bus, third) is Verdict.PARKED
    bus.cancel("first")
    bus.cancel("second")
    heir = take(bus, "heir")
    assert (heir.lease.job, claim(bus, heir)) == ("third", Verdict.OK)


def test_a_waiting_job_can_be_cancelled_and_the_first_continues(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    assert bus.cancel("second") is Verdict.OK
    assert bus.commit(first.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    assert bus.take("idle", "", "data.cpu", block=False) is None
    assert nothing_is_left(bus)


def test_a_job_that_lost_its_worker_keeps_the_claim_for_the_next_attempt(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    bus.renew(first.lease)
    assert bus.expire(next(h for h in bus.leases() if h.job == "first"), failure_of("a")) is Verdict.RETRY
    heir = take(bus, "heir")
    assert (heir.lease.job, claim(bus, heir)) == ("first", Verdict.OK)
    assert claim(bus, first) is Verdict.FENCED


def test_a_segment_that_cannot_be_parked_must_claim_again(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second, park=False) is Verdict.BUSY
    assert {held.job for held in bus.leases()} == {"first", "second"}
    assert bus.commit(first.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    assert claim(bus, second, park=False) is Verdict.KNOWN


def test_an_unusable_cached_result_is_computed_again_once(bus: Bus) -> None:
    first, second, third = at_work(bus, "first", "second", "third")
    assert bus.commit(first.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    assert claim(bus, second, look=False) is Verdict.OK
    assert claim(bus, third, look=False) is Verdict.PARKED


def test_an_interactive_job_that_waits_for_a_sweep_raises_its_priority(bus: Bus) -> None:
    accept(bus, "sweep", Lane.BATCH)
    sweep = take(bus, "sweep")
    assert claim(bus, sweep) is Verdict.OK
    assert bus.release(sweep.lease) is Verdict.OK  # its worker drains, so it is back in the batch queue
    for index in range(3):
        accept(bus, f"other-{index}")
    person = take(bus, "person")
    assert claim(bus, person) is Verdict.PARKED
    assert take(bus, "idle").lease.job == "sweep", "the sweep must come before other interactive jobs"


def test_a_live_worker_keeps_its_computation_after_a_wipe(bus: Bus) -> None:
    (first,) = at_work(bus, "first")
    assert claim(bus, first) is Verdict.OK
    wipe(bus)
    begin(bus, 2)
    for job in ("first", "second"):
        put_back(bus, ONE, set(), 2, job=job)
    verdict, fence = bus.adopt(first.lease, "w", {}, claims={"a": KEY})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    second = take(bus, "second")
    assert second.lease.job == "second"
    assert claim(bus, second) is Verdict.PARKED
    lease = Lease("first", first.lease.segment, fence)
    assert bus.commit(lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    assert take(bus, "idle", known=second.lease.fence).lease.job == "second"


def test_sql_decides_what_the_bus_has_lost(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    bus.client.hset(bus.keys.meta, mapping={"phase": "recall", "epoch": 2})
    recorded = len(bus.outbox(""))
    assert bus.settle("first", [("a", "completed", result_of("a"), KEY)]) == 1
    assert bus.settle("first", [("a", "completed", result_of("a"), KEY)]) == 0
    assert event_types(bus, "first")[-2:] == ["node.completed a", "job.completed"]
    assert [entry.event.type.value for entry in bus.outbox("")][recorded:] == ["job.completed"], (
        "SQL already has the other events"
    )
    assert bus.leases() == []
    bus.begin_grace(2)
    bus.open_deployment(2)
    again = take(bus, "idle")
    assert (again.lease.job, claim(bus, again)) == ("second", Verdict.KNOWN)


def test_a_job_that_ended_in_sql_leaves_nothing_on_the_bus(bus: Bus) -> None:
    first, second = at_work(bus, "first", "second")
    assert claim(bus, first) is Verdict.OK
    assert claim(bus, second) is Verdict.PARKED
    assert set(bus.queues.jobs()) == {"first", "second"}
    assert bus.forget("first") is Verdict.OK
    assert bus.forget("first") is Verdict.UNKNOWN
    assert not bus.knows("first") and bus.leases() == []
    heir = take(bus, "heir")
    assert (heir.lease.job, claim(bus, heir)) == ("second", Verdict.OK)


def test_many_jobs_with_one_key_are_computed_once(bus: Bus) -> None:
    jobs = [f"j{index}" for index in range(20)]
    taken = at_work(bus, *jobs)
    verdicts = [claim(bus, one) for one in taken]
    assert verdicts == [Verdict.OK] + [Verdict.PARKED] * 19
    assert bus.commit(taken[0].lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    driver = Driver(bus)
    while hand := driver.take("idle", "data.cpu"):
        assert claim(bus, hand.taken) is Verdict.KNOWN
        assert driver.step(hand) is False
    assert {event_types(bus, job)[-1] for job in jobs} == {"job.completed"}
    assert nothing_is_left(bus)


def test_a_claim_held_by_another_job_is_not_passed_on(bus: Bus) -> None:
    """The bus lost its last second: it still has the claim of a node whose result the worker presents."""
    first, second, third = at_work(bus, "first", "second", "third")
    assert claim(bus, first) is Verdict.OK
    bus.client.hset(bus.keys.flights, KEY, "second/0/a")  # as if the second job had claimed it again
    assert claim(bus, third) is Verdict.PARKED
    assert bus.cancel("first") is Verdict.OK
    assert bus.take("idle", "", "data.cpu", block=False) is None, "the second job still runs it"
    assert bus.commit(second.lease, "a", result_of("a"), content_key=KEY)[0] is Verdict.OK
    assert take(bus, "idle").lease.job == "third"


def test_a_result_presented_by_a_live_worker_reaches_the_waiting_jobs(bus: Bus) -> None:
    two = document({"a": "probe.cached", "b": "probe.data"}, [("a", "b")])
    assert bus.accept(planned("first", two), 1) is Verdict.OK
    first = take(bus, "first")
    assert claim(bus, first) is Verdict.OK
    (second,) = at_work(bus, "second")
    assert claim(bus, second) is Verdict.PARKED
    # The bus lost the commit of a with its last second; the worker runs b.
    bus.client.hset(bus.keys.meta, mapping={"phase": "grace", "epoch": 2})
    assert bus.adopt(first.lease, "first", {"a": ("completed", result_of("a"))})[0] is Verdict.OK
    bus.open_deployment(2)
    again = take(bus, "idle")
    assert (again.lease.job, claim(bus, again)) == ("second", Verdict.KNOWN)
    assert nothing_is_left(bus)
