"""When the bus loses its memory: who still holds what, and who has lost it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.event import NodeResult
from schemas.status import NodeStatus
from tests.bus.driver import Driver, failure_of, job_status, planned, result_of, statuses
from tests.bus.test_leases import CHAIN, accept, take
from tests.engine.graphs import checked, document
from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE, BusUnfamiliar, run_id
from workbench.bus.results import Lease, Phase, Verdict
from workbench.engine.plan import plan

pytestmark = pytest.mark.stack


def wipe(bus: Bus) -> None:
    """Everything of this deployment is gone, the scripts too."""
    keys = list(bus.client.scan_iter(f"{bus.keys.prefix}*", count=1000))
    bus.client.delete(*keys)
    bus.client.script_flush()


def put_back(bus: Bus, raw: dict[str, Any], done: set[str], epoch: int, job: str = "job") -> None:
    """As the reconciler does, from what SQL knows."""
    results = {node: NodeResult.model_validate_json(result_of(node)) for node in done}
    planned_again = plan(job, checked(raw), seed=0, results=results, announce=False)
    assert bus.accept(planned_again, epoch) is Verdict.OK


def begin(bus: Bus, epoch: int) -> None:
    assert bus.begin_epoch(epoch, run_id(bus.client)) is Verdict.OK
    assert bus.begin_grace(epoch) is Verdict.OK


def test_a_live_worker_keeps_its_segment_over_a_wipe(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    bus.commit(taken.lease, "a", result_of("a"))
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)  # the recorder had not written a
    assert bus.take("other", "", "data.cpu", block=False) is None, "nothing is taken in the grace"
    verdict, fence = bus.adopt(taken.lease, "w", {"a": ("completed", result_of("a"))})
    assert (verdict, fence) == (Verdict.OK, f"2:{taken.lease.n}")
    lease = Lease(taken.lease.job, taken.lease.segment, fence)
    assert bus.commit(lease, "b", result_of("b"))[0] is Verdict.WAIT, "commits wait for the end of the grace"
    bus.open_deployment(2)
    assert bus.commit(taken.lease, "b", result_of("b"))[0] is Verdict.FENCED, "the old fence holds nothing"
    assert bus.take("other", "", "data.cpu", block=False) is None, "the entry of an adopted segment falls out"
    for node in "bc":
        assert bus.commit(lease, node, result_of(node))[0] is Verdict.OK
    assert job_status(bus, "job") == "completed"
    events = bus.events("job")
    assert {event.epoch for event in events} == {2}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.node for event in events if event.type.value == "node.completed"] == ["a", "b", "c"]


def test_of_two_workers_that_present_a_segment_the_later_lease_wins(bus: Bus) -> None:
    accept(bus)
    zombie = take(bus, "zombie")
    bus.expire(bus.leases()[0], failure_of("a"))
    live = take(bus, "live")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)
    assert bus.adopt(zombie.lease, "zombie", {})[0] is Verdict.OK
    assert bus.adopt(live.lease, "live", {})[0] is Verdict.OK
    assert bus.adopt(zombie.lease, "zombie", {})[0] is Verdict.FENCED
    assert [held.worker for held in bus.leases()] == ["live"]
    bus.open_deployment(2)
    zombie_again = Lease("job", zombie.lease.segment, f"2:{zombie.lease.n}")
    assert bus.commit(zombie_again, "a", result_of("a"))[0] is Verdict.FENCED


def test_a_worker_that_comes_after_the_grace_has_lost_its_lease(bus: Bus) -> None:
    accept(bus)
    late = take(bus, "late")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)
    bus.open_deployment(2)
    assert bus.adopt(late.lease, "late", {})[0] is Verdict.FENCED
    heir = take(bus, "heir")
    assert heir.lease.n >= late.lease.n  # n began anew with the memory; the epoch tells the two apart
    assert bus.renew(late.lease) is Verdict.FENCED
    assert bus.commit(late.lease, "a", result_of("a"))[0] is Verdict.FENCED
    assert bus.commit(heir.lease, "a", result_of("a"))[0] is Verdict.OK


def test_leases_taken_later_have_greater_numbers_than_adopted_ones(bus: Bus) -> None:
    accept(bus)
    for _ in range(3):
        taken = take(bus, known="1:999999")
        bus.release(taken.lease)
    taken = take(bus, known="1:999999")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)
    put_back(bus, CHAIN, set(), 2, job="another")
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.OK
    bus.open_deployment(2)
    assert take(bus, "other").lease.n > taken.lease.n


def check_waits(bus: Bus, lease: Lease) -> None:
    """A live worker keeps what it has in hand until it could present its lease."""
    assert bus.renew(lease) is Verdict.WAIT
    assert bus.commit(lease, "a", result_of("a"))[0] is Verdict.WAIT
    assert bus.fail(lease, "a", failure_of("a"), retry=True) is Verdict.WAIT
    assert bus.part(lease, "a", 0, b"{}") is Verdict.WAIT


def test_adopting_waits_for_the_job_to_be_put_back(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    wipe(bus)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.WAIT  # no control plane has come yet
    check_waits(bus, taken.lease)
    begin(bus, 2)
    check_waits(bus, taken.lease)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.WAIT  # it has, but the job is not there yet
    put_back(bus, CHAIN, set(), 2)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.OK
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.OK  # an answer that got lost


def test_a_restarted_bus_with_its_memory_keeps_leases_for_their_workers(bus: Bus) -> None:
    """kill -9 and start again: nothing is lost, but the epoch rises and every fence is of the past."""
    accept(bus)
    taken = take(bus)
    assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK
    begin(bus, 2)
    assert bus.accept(planned("job", CHAIN), 2) is Verdict.EXISTS
    verdict, fence = bus.adopt(taken.lease, "w", {})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    lease = Lease("job", taken.lease.segment, fence)
    # The answer to this commit got lost with the connection, so the worker makes it again under its new fence.
    assert bus.commit(lease, "a", result_of("a"))[0] is Verdict.AGAIN
    for node in "bc":
        assert bus.commit(lease, node, result_of(node))[0] is Verdict.OK
    assert job_status(bus, "job") == "completed"
    assert [(event.epoch, event.seq) for event in bus.events("job")] == [
        (1 if seq <= 4 else 2, seq) for seq in range(1, 9)
    ]


def test_a_lease_nobody_adopted_is_taken_over_after_the_grace(bus: Bus) -> None:
    accept(bus)
    taken = take(bus, "dead")
    bus.renew(taken.lease)
    begin(bus, 2)
    held = bus.leases()[0]
    assert bus.expire(held, failure_of("a")) is Verdict.MOVED, "not in the grace"
    bus.open_deployment(2)
    assert bus.expire(held, failure_of("a")) is Verdict.RETRY
    assert take(bus, "heir").attempt == 2


def test_what_a_handler_was_given_survives_as_the_failure_it_was(bus: Bus) -> None:
    raw = document({"a": "probe.data", "rescue": "probe.control"}, [("a", "rescue", "on_failure")])
    accept(bus, raw)
    taken = take(bus)
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    rescue = take(bus, "r", pool="control")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, raw, set(), 2)
    assert rescue.status["a"] == "failed"
    assert bus.adopt(rescue.lease, "r", {})[0] is Verdict.FENCED, "nothing says that a has ended"
    verdict, fence = bus.adopt(rescue.lease, "r", {"a": ("failed", rescue.results["a"])})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    lease = Lease("job", rescue.lease.segment, fence)
    assert bus.commit(lease, "rescue", result_of("rescue"))[0] is Verdict.OK
    Driver(bus, {"a": False}).finish()
    final = statuses(bus, "job", checked(raw).graph)
    assert final == {"a": NodeStatus.FAILED, "rescue": NodeStatus.COMPLETED}
    assert job_status(bus, "job") == "completed"


def test_requeue_enqueues_what_is_free_and_nothing_else(bus: Bus) -> None:
    raw = document({"a": "probe.data", "b": "probe.control", "c": "probe.data"}, [("a", "b"), ("b", "c")])
    accept(bus, raw)
    bus.client.delete(bus.keys.queue("data.cpu", "interactive"))  # an AOF cut short
    assert bus.requeue("job", bus.segments("job")) == 1
    taken = take(bus)
    assert bus.requeue("job", bus.segments("job")) == 0
    bus.commit(taken.lease, "a", result_of("a"))
    assert take(bus, pool="control").lease.segment != taken.lease.segment


def test_an_epoch_is_begun_once(bus: Bus) -> None:
    begin(bus, 2)
    assert bus.begin_epoch(2, "another-run") is Verdict.OLD
    assert bus.begin_epoch(1, "another-run") is Verdict.OLD
    assert bus.open_deployment(1) is Verdict.OLD
    assert bus.marker().phase is Phase.GRACE


def test_scripts_that_the_server_forgot_are_sent_again(bus: Bus) -> None:
    accept(bus)
    bus.client.script_flush()
    taken = take(bus)
    bus.client.script_flush()
    verdict, following = bus.commit(taken.lease, "a", result_of("a"), worker="w", then_take="data.cpu")
    assert (verdict, following) == (Verdict.OK, None)
    bus.client.script_flush()
    assert bus.take("w", taken.lease.fence, "data.cpu") is None  # the blocking form, too
    scripts.load_all(bus.client)


def test_a_worker_waits_for_a_control_plane(bus_url: str, namespace: str) -> None:
    worker = Bus(bus_url, namespace)
    with pytest.raises(BUS_UNREACHABLE) as refused:
        worker.take("w", "", "control", block=False)
    assert isinstance(refused.value, BusUnfamiliar)
    control = Bus(bus_url, namespace, control=True)
    control.begin_epoch(1, "of another server process")
    with pytest.raises(BusUnfamiliar):
        worker.take("w", "", "control", block=False)
    begin(control, 2)
    assert worker.take("w", "", "control", block=False) is None
