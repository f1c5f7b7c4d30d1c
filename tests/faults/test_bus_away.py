"""The bus away for a minute: nobody exits, nothing that runs is redone, what was finished is held and handed over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from schemas.errors import WorkbenchError
from schemas.status import JobStatus
from tests.faults.conftest import Alive, Outside, events_of
from tests.faults.extent import extent
from tests.live import LEASE_S, Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE

AWAY_S = extent(60.0, 6.0)
assert AWAY_S > 2 * LEASE_S


def stop(live: LiveDeployment) -> Callable[[], None]:
    """A server that hangs: connections are accepted, nothing is answered."""
    process = live.bus_process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    return lambda: os.kill(process.pid, signal.SIGCONT)


def kill(live: LiveDeployment) -> Callable[[], None]:
    """A server that is gone, and comes back from what it wrote."""
    assert live.bus_process is not None
    sigkill(live.bus_process)
    return live.start_bus


@pytest.mark.parametrize("take_away", [stop, kill], ids=["stopped", "killed"])
def test_the_bus_is_away(
    outside: Outside, diary: Diary, take_away: Callable[[LiveDeployment], Callable[[], None]]
) -> None:
    live = outside.live
    alive = Alive(live)
    ends_meanwhile = {
        "a": diary.probe("a"),
        "b": diary.probe("b", sleep_s=AWAY_S / 3),
        "c": diary.probe("c", "probe.control"),
    }
    held = live.submit(ends_meanwhile, [("a", "b"), ("b", "c")]).job
    outlasts = live.submit({"z": diary.probe("z", "probe.control", sleep_s=AWAY_S + 3)}).job
    waiting = live.submit({"y": diary.probe("y")}).job  # behind b in the queue of the one worker
    wait_for(lambda: diary.count("b") == diary.count("z") == 1, what="both run")
    for job, node in ((held, "b"), (outlasts, "z")):
        live.await_event(job, "node.running", node)
    epoch = live.deployment.bus.marker().epoch
    log_from = len(live.log())

    give_back = take_away(live)
    away_at, until = time.time(), time.monotonic() + AWAY_S
    try:
        probe = Bus(live.settings.bus_url, live.settings.namespace, control=True, timeout_s=0.5)
        with pytest.raises(BUS_UNREACHABLE):
            probe.client.ping()
        with pytest.raises(WorkbenchError) as refused:
            live.submit({"x": diary.probe("x")})
        assert refused.value.code == "bus.unreachable" and refused.value.remedy
        time.sleep(max(0.0, until - time.monotonic()))
        alive.check()
        assert [diary.count(name) for name in "abzcyx"] == [1, 1, 1, 0, 0, 0]
    finally:
        back_at = time.time()
        give_back()

    records = {job: live.finish(job) for job in (held, outlasts, waiting)}
    assert {record.status for record in records.values()} == {JobStatus.COMPLETED}
    alive.check()
    assert {name: diary.count(name) for name in "abczyx"} == {**dict.fromkeys("abczy", 1), "x": 0}
    finished_at = records[held].node("b").finished_at
    assert finished_at is not None and away_at < finished_at < back_at, "b ended while the bus was away, and was held"
    for job, record in records.items():
        assert [node.attempt for node in record.nodes] == [1] * len(record.nodes)
        names = [node.id for node in record.nodes]
        assert sorted(events_of(live, job, "node.completed")) == sorted(names)
        assert events_of(live, job, "node.retrying") == []
    missed = live.log()[log_from:].count("the bus is unreachable")
    assert missed > 0, "the roles noticed"
    raised = live.deployment.bus.marker().epoch - epoch
    assert raised == (1 if take_away is kill else 0)
    print(
        f"\naway {AWAY_S:g} s: 3 jobs, 5 executions of 5 nodes, 0 retried; noticed by {missed} threads; epoch +{raised}"
    )
    assert live.run({"a": diary.probe("after")}).status is JobStatus.COMPLETED
