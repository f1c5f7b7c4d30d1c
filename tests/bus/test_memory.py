"""The bus loses its memory: which workers keep their leases and which have lost them."""

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
    """Delete all keys of this deployment and the loaded scripts."""
    keys = list(bus.client.scan_iter(f"{bus.keys.prefix}*", count=1000))
    bus.client.delete(*keys)
    bus.client.script_flush()


def put_back(bus: Bus, raw: dict[str, Any], done: set[str], epoch: int, job: str = "job") -> None:
    """Restore a job from SQL, as the reconciler does."""
    results = {node: NodeResult.model_validate_json(result_of(node)) for node in done}
    planned_again = plan(job, checked(raw), seed=0, results=results, announce=False)
    assert bus.accept(planned_again, epoch) is Verdict.OK


def begin(bus: Bus, epoch: int) -> None:
    assert bus.begin_epoch(epoch, run_id(bus.client)) is Verdict.OK
    assert bus.begin_grace(epoch) is Verdict.OK


def test_a_live_worker_keeps_its_segment_after_a_wipe(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    bus.commit(taken.lease, "a", result_of("a"))
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)  # the recorder had not yet recorded a
    assert bus.take("other", "", "data.cpu", block=False) is None, "a segment was taken during the grace period"
    verdict, fence = bus.adopt(taken.lease, "w", {"a": ("completed", result_of("a"))})
    assert (verdict, fence) == (Verdict.OK, f"2:{taken.lease.n}")
    lease = Lease(taken.lease.job, taken.lease.segment, fence)
    assert bus.commit(lease, "b", result_of("b"))[0] is Verdict.WAIT, (
        "commits must wait for the end of the grace period"
    )
    bus.open_deployment(2)
    assert bus.commit(taken.lease, "b", result_of("b"))[0] is Verdict.FENCED, "the old fence is still valid"
    assert bus.take("other", "", "data.cpu", block=False) is None, "the entry of an adopted segment was not dropped"
    for node in "bc":
        assert bus.commit(lease, node, result_of(node))[0] is Verdict.OK
    assert job_status(bus, "job") == "completed"
    events = bus.events("job")
    assert {event.epoch for event in events} == {2}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.node for event in events if event.type.value == "node.completed"] == ["a", "b", "c"]


def test_the_later_lease_wins_when_two_workers_present_a_segment(bus: Bus) -> None:
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


def test_a_worker_that_returns_after_the_grace_period_has_lost_its_lease(bus: Bus) -> None:
    accept(bus)
    late = take(bus, "late")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, CHAIN, set(), 2)
    bus.open_deployment(2)
    assert bus.adopt(late.lease, "late", {})[0] is Verdict.FENCED
    heir = take(bus, "heir")
    assert heir.lease.n >= late.lease.n  # n restarted with the empty memory; the epoch distinguishes the two
    assert bus.renew(late.lease) is Verdict.FENCED
    assert bus.commit(late.lease, "a", result_of("a"))[0] is Verdict.FENCED
    assert bus.commit(heir.lease, "a", result_of("a"))[0] is Verdict.OK


def test_new_leases_have_greater_numbers_than_adopted_ones(bus: Bus) -> None:
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
    """Check that a live worker keeps its segment until it can present its lease."""
    assert bus.renew(lease) is Verdict.WAIT
    assert bus.commit(lease, "a", result_of("a"))[0] is Verdict.WAIT
    assert bus.fail(lease, "a", failure_of("a"), retry=True) is Verdict.WAIT
    assert bus.part(lease, "a", 0, b"{}") is Verdict.WAIT


def test_adopting_waits_until_the_job_is_restored(bus: Bus) -> None:
    accept(bus)
    taken = take(bus)
    wipe(bus)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.WAIT  # no control plane has started yet
    check_waits(bus, taken.lease)
    begin(bus, 2)
    check_waits(bus, taken.lease)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.WAIT  # it has started, but the job is not restored yet
    put_back(bus, CHAIN, set(), 2)
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.OK
    assert bus.adopt(taken.lease, "w", {})[0] is Verdict.OK  # the answer was lost


def test_a_restarted_bus_that_kept_its_memory_keeps_leases(bus: Bus) -> None:
    """Kill -9 and restart: nothing is lost, but the epoch rises and every old fence is invalid."""
    accept(bus)
    taken = take(bus)
    assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK
    begin(bus, 2)
    assert bus.accept(planned("job", CHAIN), 2) is Verdict.EXISTS
    verdict, fence = bus.adopt(taken.lease, "w", {})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    lease = Lease("job", taken.lease.segment, fence)
    # The answer to this commit was lost with the connection, so the worker repeats it with its new fence.
    assert bus.commit(lease, "a", result_of("a"))[0] is Verdict.AGAIN
    for node in "bc":
        assert bus.commit(lease, node, result_of(node))[0] is Verdict.OK
    assert job_status(bus, "job") == "completed"
    assert [(event.epoch, event.seq) for event in bus.events("job")] == [
        (1 if seq <= 4 else 2, seq) for seq in range(1, 9)
    ]


def test_a_lease_that_no_worker_adopts_is_taken_over_after_the_grace_period(bus: Bus) -> None:
    accept(bus)
    taken = take(bus, "dead")
    bus.renew(taken.lease)
    begin(bus, 2)
    held = bus.leases()[0]
    assert bus.expire(held, failure_of("a")) is Verdict.MOVED, "it was taken over during the grace period"
    bus.open_deployment(2)
    assert bus.expire(held, failure_of("a")) is Verdict.RETRY
    assert take(bus, "heir").attempt == 2


def test_the_failure_that_a_handler_received_survives_a_wipe(bus: Bus) -> None:
    raw = document({"a": "probe.data", "rescue": "probe.control"}, [("a", "rescue", "on_failure")])
    accept(bus, raw)
    taken = take(bus)
    assert bus.fail(taken.lease, "a", failure_of("a"), retry=False) is Verdict.FINAL
    rescue = take(bus, "r", pool="control")
    wipe(bus)
    begin(bus, 2)
    put_back(bus, raw, set(), 2)
    assert rescue.status["a"] == "failed"
    assert bus.adopt(rescue.lease, "r", {})[0] is Verdict.FENCED, "nothing shows that a has ended"
    verdict, fence = bus.adopt(rescue.lease, "r", {"a": ("failed", rescue.results["a"])})
    assert verdict is Verdict.OK
    bus.open_deployment(2)
    lease = Lease("job", rescue.lease.segment, fence)
    assert bus.commit(lease, "rescue", result_of("rescue"))[0] is Verdict.OK
    Driver(bus, {"a": False}).finish()
    final = statuses(bus, "job", checked(raw).graph)
    assert final == {"a": NodeStatus.FAILED, "rescue": NodeStatus.COMPLETED}
    assert job_status(bus, "job") == "completed"


def test_requeue_enqueues_only_free_segments(bus: Bus) -> None:
    raw = document({"a": "probe.data", "b": "probe.control", "c": "probe.data"}, [("a", "b"), ("b", "c")])
    accept(bus, raw)
    bus.client.delete(bus.keys.queue("data.cpu", "interactive"))  # a truncated AOF
    assert bus.requeue("job", bus.segments("job")) == 1
    taken = take(bus)
    assert bus.requeue("job", bus.segments("job")) == 0
    bus.commit(taken.lease, "a", result_of("a"))
    assert take(bus, pool="control").lease.segment != taken.lease.segment


def test_an_epoch_starts_once(bus: Bus) -> None:
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
    assert bus.take("w", taken.lease.fence, "data.cpu") is None  # the blocking form as well
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
