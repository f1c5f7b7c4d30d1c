"""The bus is unreachable for a minute: no process exits, no node runs twice, and finished results arrive later."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from schemas.errors import WorkbenchError
from schemas.status import JobStatus
from tests.faults.conftest import Alive, Proxied, events_of
from tests.faults.extent import extent
from tests.live import LEASE_S, Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE

OUTAGE_S = extent(60.0, 6.0)
assert OUTAGE_S > 2 * LEASE_S


def stop(live: LiveDeployment) -> Callable[[], None]:
    """Stop the server: it accepts connections but does not respond. Return a function that resumes it."""
    process = live.bus_process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    return lambda: os.kill(process.pid, signal.SIGCONT)


def kill(live: LiveDeployment) -> Callable[[], None]:
    """Kill the server. Return a function that restarts it from its log."""
    assert live.bus_process is not None
    sigkill(live.bus_process)
    return live.start_bus


@pytest.mark.parametrize("interrupt", [stop, kill], ids=["stopped", "killed"])
def test_work_survives_an_unreachable_bus(
    proxied: Proxied, diary: Diary, interrupt: Callable[[LiveDeployment], Callable[[], None]]
) -> None:
    live = proxied.live
    alive = Alive(live)
    ends_meanwhile = {
        "a": diary.probe("a"),
        "b": diary.probe("b", sleep_s=OUTAGE_S / 3),
        "c": diary.probe("c", "probe.control"),
    }
    held = live.submit(ends_meanwhile, [("a", "b"), ("b", "c")]).job
    outlasts = live.submit({"z": diary.probe("z", "probe.control", sleep_s=OUTAGE_S + 3)}).job
    waiting = live.submit({"y": diary.probe("y")}).job  # queued after b for the only worker
    wait_for(lambda: diary.count("b") == diary.count("z") == 1, what="both run")
    for job, node in ((held, "b"), (outlasts, "z")):
        live.await_event(job, "node.running", node)
    epoch = live.deployment.bus.marker().epoch
    log_from = len(live.log())

    give_back = interrupt(live)
    down_at, until = time.time(), time.monotonic() + OUTAGE_S
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
        up_at = time.time()
        give_back()

    records = {job: live.finish(job) for job in (held, outlasts, waiting)}
    assert {record.status for record in records.values()} == {JobStatus.COMPLETED}
    alive.check()
    assert {name: diary.count(name) for name in "abczyx"} == {**dict.fromkeys("abczy", 1), "x": 0}
    finished_at = records[held].node("b").finished_at
    assert finished_at is not None and down_at < finished_at < up_at, "b ended during the outage"
    for job, record in records.items():
        assert [node.attempt for node in record.nodes] == [1] * len(record.nodes)
        names = [node.id for node in record.nodes]
        assert sorted(events_of(live, job, "node.completed")) == sorted(names)
        assert events_of(live, job, "node.retrying") == []
    missed = live.log()[log_from:].count("the bus is unreachable")
    assert missed > 0, "the roles noticed the outage"
    raised = live.deployment.bus.marker().epoch - epoch
    assert raised == (1 if interrupt is kill else 0)
    print(
        f"\n{OUTAGE_S:g} s outage: 3 jobs, 5 executions of 5 nodes, 0 retried; noticed {missed} times; epoch +{raised}"
    )
    assert live.run({"a": diary.probe("after")}).status is JobStatus.COMPLETED
