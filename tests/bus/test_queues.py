"""Queues: which worker gets which entry, by lane, version, pause and delay, and how sweeps yield."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.status import Lane, NodeStatus
from tests.bus.driver import failure_of, planned, result_of, statuses
from tests.bus.test_leases import event_types, take
from tests.engine.graphs import checked, document
from workbench.bus.bus import Bus
from workbench.bus.fields import SegmentField
from workbench.bus.results import Offer, OperatorHolds, Verdict

pytestmark = pytest.mark.stack
TWO = document({"a": "probe.data", "b": "probe.data"}, [("a", "b")])
ONE = document({"a": "probe.data"})


def accept(bus: Bus, job: str, lane: Lane = Lane.INTERACTIVE, raw: dict[str, Any] = ONE) -> None:
    plan = planned(job, raw)
    plan.lane = lane
    assert bus.accept(plan, 1) is Verdict.OK


def test_a_sweep_yields_to_interactive_jobs_after_each_node(bus: Bus) -> None:
    accept(bus, "sweep", Lane.BATCH, TWO)
    sweep = take(bus)
    accept(bus, "person")
    verdict, following = bus.commit(sweep.lease, "a", result_of("a"), worker="w", then_take="data.cpu")
    assert verdict is Verdict.YIELD
    assert following is not None and following.lease.job == "person"
    assert bus.commit(sweep.lease, "b", result_of("b"))[0] is Verdict.FENCED
    rest = take(bus, "other")
    assert (rest.lease.job, rest.attempt, rest.status["a"]) == ("sweep", 1, "completed")


def test_a_sweep_keeps_its_lease_when_no_interactive_job_waits(bus: Bus) -> None:
    accept(bus, "sweep", Lane.BATCH, TWO)
    accept(bus, "another", Lane.BATCH, TWO)
    sweep = take(bus)
    assert bus.commit(sweep.lease, "a", result_of("a"))[0] is Verdict.OK
    assert bus.commit(sweep.lease, "b", result_of("b"))[0] is Verdict.OK


def test_a_segment_returned_by_a_sweep_comes_before_other_sweeps_and_after_interactive_jobs(bus: Bus) -> None:
    for job in ("sweep-1", "sweep-2"):
        accept(bus, job, Lane.BATCH)
    first = take(bus)
    assert bus.release(first.lease) is Verdict.OK
    accept(bus, "person")
    order = [take(bus, f"w{index}").lease.job for index in range(3)]
    assert order == ["person", "sweep-1", "sweep-2"]


def needs_of(bus: Bus, job: str) -> frozenset[str]:
    return bus.queues.needs([(job, "0")])[0]


def test_only_a_worker_with_the_right_version_takes_a_node(bus: Bus) -> None:
    accept(bus, "job")
    fits = Offer("new", needs_of(bus, "job") | {"other@1#"})
    older = Offer("old", frozenset({"probe.data@0.9.0#"}))
    assert bus.take("w-old", "", "data.cpu", offer=older, block=False) is None
    assert len(bus.queues.entries()) == 1, "the entry was not kept"
    taken = bus.take("w-new", "", "data.cpu", offer=fits, block=False)
    assert taken is not None and taken.lease.job == "job"


def test_entries_for_other_workers_do_not_block_a_worker(bus: Bus) -> None:
    for index in range(120):
        accept(bus, f"new-{index}")
    accept(bus, "old")
    bus.client.hset(bus.keys.job("old"), SegmentField.SERVICES.of("0"), "probe.data@0.9.0#")
    taken = bus.take("w", "", "data.cpu", offer=Offer("o", frozenset({"probe.data@0.9.0#"})), block=False)
    assert taken is not None and taken.lease.job == "old"


def test_a_bus_that_forgot_the_services_of_a_worker_asks_again(bus: Bus) -> None:
    accept(bus, "job")
    offer = Offer("o", needs_of(bus, "job"))
    assert bus.take("w", "", "data.cpu", offer=Offer("p", frozenset()), block=False) is None
    bus.client.delete(bus.keys.offers("o"), bus.keys.offers("p"))
    assert bus.take("w", "", "data.cpu", offer=offer, block=False) is not None


def test_a_node_without_a_suitable_worker_stays_queued_and_is_reported(bus: Bus) -> None:
    accept(bus, "job", raw=TWO)
    why = orjson.dumps({"reason": "no_worker"})
    assert bus.unserved("job", "0", why) == 1
    assert bus.unserved("job", "0", why) == 0
    assert event_types(bus, "job") == ["job.accepted", "node.waiting a"]
    assert statuses(bus, "job", checked(TWO).graph)["a"] is NodeStatus.WAITING
    other = orjson.dumps({"reason": "no_worker", "services": ["probe.data 1.0.0 (worker w has other code)"]})
    assert (bus.unserved("job", "0", other), bus.unserved("job", "0", other)) == (1, 0), (
        "the missing service has changed"
    )
    assert (bus.unserved("job", "0"), bus.unserved("job", "0")) == (1, 0), "a worker provides it again"
    assert statuses(bus, "job", checked(TWO).graph)["a"] is NodeStatus.READY
    assert take(bus).lease.job == "job"
    assert event_types(bus, "job")[-2:] == ["node.ready a", "node.running a"]
    assert bus.unserved("job", "0", why) == 0


def test_a_delayed_attempt_is_in_no_queue_until_it_is_due(bus: Bus) -> None:
    accept(bus, "job")
    taken = take(bus)
    why = orjson.dumps({"reason": "retry_at"})
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=True, delay_s=2.5, why=why) is Verdict.RETRY
    assert bus.take("w", taken.lease.fence, "data.cpu", block=False) is None
    assert bus.leases_and_delays() == ([], {("job", "0"): 2.5})
    assert event_types(bus, "job")[-2:] == ["node.retrying a", "node.waiting a"]
    assert bus.requeue("job", ["0"]) == 0, "a control plane that restarts does not cut the pause short"
    assert bus.wake("job", "0") is Verdict.OK
    assert bus.wake("job", "0") is Verdict.MOVED
    assert take(bus, known=taken.lease.fence).attempt == 2


def test_cancelling_a_job_that_waits_for_its_next_attempt_leaves_no_keys(bus: Bus) -> None:
    accept(bus, "job")
    taken = take(bus)
    bus.fail(taken.lease, "a", failure_of("a"), retry=True, delay_s=60)
    assert bus.cancel("job") is Verdict.OK
    assert bus.leases_and_delays() == ([], {})
    assert bus.wake("job", "0") is Verdict.MOVED


def test_a_segment_that_kills_workers_before_their_first_heartbeat_ends_too(bus: Bus) -> None:
    accept(bus, "job", raw=document({"a": {"service": "probe.data", "retries": {"maxAttempts": 2}}}))
    verdicts = []
    while taken := bus.take("w", "1:999999", "data.cpu", block=False):
        assert taken.attempt <= 2
        verdicts.append(bus.expire(bus.leases()[0], failure_of("a")))
    assert verdicts == [Verdict.RETRY] * 4 + [Verdict.FINAL]


def test_a_paused_pool_and_a_drained_worker_get_nothing(bus: Bus) -> None:
    accept(bus, "job")
    bus.queues.hold_pool("data.cpu", "maintenance")
    assert bus.take("w.0", "", "data.cpu", block=False) is None
    bus.queues.resume_pool("data.cpu")
    bus.announce("w", b"{}", 60)
    bus.queues.drain_worker("w")
    assert bus.announce("w", b"{}", 60) is True
    assert bus.take("w.0", "", "data.cpu", block=False) is None
    assert bus.take("other.0", "", "data.cpu", block=False) is not None
    bus.leave("w", ["w.0"])
    assert bus.queues.held() == OperatorHolds({}, frozenset())


def test_many_entries_do_not_run_out_of_wake_tokens(bus: Bus) -> None:
    """Only 64 tokens are kept; a worker must not wait a full second for one while entries are queued."""
    for index in range(80):
        accept(bus, f"job-{index:02}")
    known = ""
    for left in range(79, -1, -1):
        taken = bus.take("w", known, "data.cpu")
        assert taken is not None
        assert left == 0 or bus.client.llen(bus.keys.wake("data.cpu")) > 0, left
        known = taken.lease.fence
        assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK


def test_a_second_entry_does_not_cut_the_pause_short(bus: Bus) -> None:
    accept(bus, "job")
    assert bus.requeue("job", ["0"]) == 1
    taken = take(bus)
    bus.fail(taken.lease, "a", failure_of("a"), retry=True, delay_s=60)
    assert bus.take("w", taken.lease.fence, "data.cpu", block=False) is None
    assert bus.wake("job", "0") is Verdict.OK
    assert take(bus, known=taken.lease.fence).attempt == 2


def test_a_sweep_with_running_branches_does_not_yield(bus: Bus) -> None:
    join = {"service": "probe.control", "input": {"text": None}}
    branches = document({"a": "probe.control", "b": "probe.control", "c": join}, [("a", "c"), ("b", "c")])
    accept(bus, "sweep", Lane.BATCH, branches)
    sweep = take(bus, pool="control")
    accept(bus, "person", raw=document({"a": "probe.control"}))
    assert bus.commit(sweep.lease, "a", result_of("a"))[0] is Verdict.OK, "b is still being computed"
    assert bus.commit(sweep.lease, "b", result_of("b"))[0] is Verdict.YIELD


def test_entries_of_ended_jobs_are_removed_from_a_queue_without_workers(bus: Bus) -> None:
    for job in ("gone", "cancelled", "goes-on"):
        accept(bus, job)
    bus.cancel("cancelled")
    bus.client.delete(bus.keys.job("gone"))
    assert bus.queues.drop_ended(bus.queues.entries()) == 2
    assert [entry.job for entry in bus.queues.entries()] == ["goes-on"]
    assert bus.queues.drop_ended(bus.queues.entries()) == 0
    assert take(bus).lease.job == "goes-on"
