"""The bus forgets: its last two seconds, or everything while a worker sleeps with a lease in its hands."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.counts import (
    await_working,
    completed_once,
    events_of,
    holder,
    lease_of,
    stop_processes,
    wake_processes,
)
from tests.faults.extent import extent
from tests.live import Diary, LiveBench, sigkill, wait_for
from workbench.bus.bus import Verdict
from workbench.bus.connection import run_id

pytestmark = pytest.mark.timeout(900)
CUTS = extent(5, 1)
LOST_S = 2.0


def cut_the_log(folder: Path, until: float) -> int:
    """Cut the append-only file where the server wrote its first command after that second; returns the bytes lost.

    With ``aof-timestamp-enabled`` the server writes ``#TS:<second>`` between commands whenever the second changes.
    """
    (path,) = (folder / "appendonlydir").glob("*.incr.aof")
    content = path.read_bytes()
    marks = [(int(found[1]), found.start()) for found in re.finditer(rb"^#TS:(\d+)\r\n", content, re.MULTILINE)]
    assert marks and marks[0][0] <= until, "the file holds no command from before the cut"
    cut = next((start for second, start in marks if second > until), len(content))
    path.write_bytes(content[:cut])
    return len(content) - cut


def epoch_of(live: LiveBench) -> int:
    return int(live.bench.bus.marker()["epoch"])


def test_the_last_two_seconds_are_lost(live: LiveBench, diary: Diary) -> None:
    """In them a job was accepted, another finished, a node was taken, and results were recorded in SQL."""
    assert live.bus_process is not None
    for cut in range(CUTS):
        gate = diary.path.with_name(f"gate-{cut}")
        live.bench.bus.client.config_set("aof-timestamp-enabled", "yes")
        nodes = {
            "a": diary.probe(f"{cut}.a", sleep_s=1.0),
            "b": diary.probe(f"{cut}.b", "probe.control"),
            "c": diary.probe(f"{cut}.c", "probe.control", gate=str(gate)),  # under way when the bus dies
            "d": diary.probe(f"{cut}.d"),
        }
        long = live.submit(nodes, [("a", "b"), ("b", "c"), ("c", "d")]).job
        ending = live.submit({"z": diary.probe(f"{cut}.z", sleep_s=1.5)}).job
        time.sleep(1.0)  # what follows lies behind the cut, what lies above before it
        young = live.submit({"y": diary.probe(f"{cut}.y", gate=str(gate))}).job
        live.finish(ending)
        wait_for(lambda cut=cut: diary.count(f"{cut}.c") == 1 and diary.count(f"{cut}.y") == 1)  # type: ignore[misc]
        wait_for(lambda long=long: len(events_of(live, long, "node.completed")) == 2)  # type: ignore[misc]
        epoch = epoch_of(live)
        old = [held[0] for held in (lease_of(live, long), lease_of(live, young)) if held is not None]
        assert len(old) == 2
        sigkill(live.bus_process)
        lost = cut_the_log(live.home / "bus", time.time() - LOST_S)
        assert lost > 0
        live.start_bus()
        wait_for(lambda epoch=epoch: is_open(live, epoch + 1), what="the bench is open again")  # type: ignore[misc]
        gate.touch()
        jobs = [long, ending, young]
        for job in jobs:
            completed_once(live, job)
        assert {live.bench.bus.commit(lease, "c", b"{}")[0] for lease in old} == {Verdict.FENCED}
        counts = {name: diary.count(f"{cut}.{name}") for name in "abcdyz"}
        print(f"{lost} bytes of the last {LOST_S:g} s lost: {len(jobs)} of 3 jobs done, executions {counts}")
        assert counts == dict.fromkeys("abcdyz", 1), "what SQL or a live worker has is not executed again"


def is_open(live: LiveBench, epoch: int) -> bool:
    marker = live.bench.bus.marker()
    return marker.get("phase") == "open" and marker["epoch"] == str(epoch)


@pytest.mark.parametrize("taken_over_first", [True, False], ids=["taken_over_before", "taken_over_after"])
def test_a_zombie_outlives_a_wiped_bus(
    live: LiveBench, diary: Diary, workers: list[subprocess.Popen[bytes]], taken_over_first: bool
) -> None:
    """A worker stands still, the bus is wiped empty, others take over and go on; then it wakes."""
    gate = diary.path.with_name("gate")
    job = live.submit({"n": diary.probe("n", gate=str(gate), sign=True)}).job
    lease, slot = await_working(live, job)
    zombie = holder(workers, live, slot)
    pids = [zombie.pid, live.executor_of(zombie)]
    kept = live.submit({"k": diary.probe("k", "probe.control", gate=str(gate))}).job
    kept_lease, keeper = await_working(live, kept)
    marked = len(live.log())
    stop_processes(pids)
    try:
        if taken_over_first:
            wait_for(lambda: diary.count("n") == 2, what="the other worker takes the node over")
        epoch = epoch_of(live)
        live.bench.bus.client.flushall()
        assert live.bench.bus.marker() == {}, "the bus is empty"
        wait_for(lambda: is_open(live, epoch + 1), what="the bench is open again")
        assert live.bench.bus.marker()["run_id"] == run_id(live.bench.bus.client)
        wait_for(lambda: diary.count("n") == 2, what="the node runs on the other worker")
    finally:
        wake_processes(pids)
    assert live.bench.bus.commit(lease, "n", b'{"output": {"text": "late"}}')[0] is Verdict.FENCED
    assert live.bench.bus.adopt(lease, slot, {})[0] is Verdict.FENCED
    wait_for(lambda: "segment given up" in live.log()[marked:], what="the zombie gave its work up")
    gate.touch()
    record = completed_once(live, job)
    completed_once(live, kept)
    output = record.node("n").output
    assert output is not None and not output["text"].endswith(f" {pids[1]}")
    assert record.node("n").worker != slot
    counts = {name: diary.count(name) for name in "nk"}
    print(f"wiped at epoch {epoch}, now {epoch_of(live)}: 2 of 2 jobs done, executions {counts}; late commit refused")
    assert counts == {"n": 2, "k": 1}, "a live worker keeps its work"
    assert live.bench.job(kept).node("k").worker == keeper
    assert kept_lease.fence != lease.fence
