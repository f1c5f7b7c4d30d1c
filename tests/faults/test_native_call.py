"""A node that blocks all threads of its process for three lease times keeps its lease and runs once."""

from __future__ import annotations

import pytest

from tests.faults.counts import await_working, completed_once, events_of, lease_of
from tests.live import LEASE_S, Diary, LiveDeployment, wait_for

pytestmark = pytest.mark.timeout(300)
HOLD_S = 3 * LEASE_S


def test_a_node_that_holds_the_gil_keeps_its_lease(live: LiveDeployment, diary: Diary) -> None:
    """Two nodes run at once: a native call on the data plane and a regular expression on the control plane."""
    nodes = {
        "native": diary.probe("native", native_s=HOLD_S),
        "engine": diary.probe("engine", "probe.control", hold_gil_s=HOLD_S),
    }
    jobs = {name: live.submit({name: node}).job for name, node in nodes.items()}
    first = {name: await_working(live, job)[0] for name, job in jobs.items()}
    beats = 0

    def count_beats() -> bool:
        nonlocal beats
        held = lease_of(live, jobs["native"])
        if held is not None:
            assert held[0] == first["native"], "the lease changed"
            beats = max(beats, held[1])
        return held is None

    wait_for(count_beats, 60 + HOLD_S, "the native call ended")
    records = {name: completed_once(live, job) for name, job in jobs.items()}
    silent_s = records["native"].node("native").metrics["silent_s"]
    seconds = {name: record.node(name).seconds or 0.0 for name, record in records.items()}
    print(
        f"no other thread ran for {silent_s:.1f} s, {beats} heartbeats counted; the nodes took "
        + ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        + f"; executions {sorted(diary.lines())}"
    )
    assert silent_s >= 0.95 * HOLD_S and min(seconds.values()) >= HOLD_S, "the fault had no effect"
    assert beats >= 6
    assert sorted(diary.lines()) == ["engine", "native"]
    for name, job in jobs.items():
        assert records[name].node(name).attempt == 1
        assert events_of(live, job, "node.retrying") == []
        assert len(events_of(live, job, "node.running")) == 1
