"""The bus loses its memory: its last two seconds, or everything while a stopped worker holds a lease."""

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
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.connection import run_id
from workbench.bus.results import Marker, Phase, Verdict

pytestmark = pytest.mark.timeout(900)
CUTS = extent(5, 1)
LOST_S = 2.0


def cut_the_log(folder: Path, until: float) -> tuple[bytes, bytes]:
    """Cut the append-only file after its last command before that second; return the kept and the lost bytes.

    With ``aof-timestamp-enabled`` the server writes ``#TS:<second>`` between commands whenever the second changes.
    """
    (path,) = (folder / "appendonlydir").glob("*.incr.aof")
    content = path.read_bytes()
    marks = [(int(found[1]), found.start()) for found in re.finditer(rb"^#TS:(\d+)\r\n", content, re.MULTILINE)]
    cut = max(start for second, start in marks if second <= until)
    path.write_bytes(content[:cut])
    return content[:cut], content[cut:]


def epoch_of(live: LiveDeployment) -> int:
    return live.deployment.bus.marker().epoch


def test_jobs_survive_the_loss_of_the_last_two_seconds(live: LiveDeployment, diary: Diary) -> None:
    """In them, a job was accepted, one node completed, another started, and a job became final; SQL has it all."""
    assert live.bus_process is not None
    for cut in range(CUTS):
        at_the_end, in_the_lost_part = (diary.path.with_name(f"{name}-{cut}") for name in ("end", "lost"))
        live.deployment.bus.client.config_set("aof-timestamp-enabled", "yes")
        nodes = {
            "a": diary.probe(f"{cut}.a"),
            "c": diary.probe(f"{cut}.c", "probe.control", gate=str(at_the_end)),
            "d": diary.probe(f"{cut}.d"),
        }
        long = live.submit(nodes, [("a", "c"), ("c", "d")]).job
        ending = live.submit({"z": diary.probe(f"{cut}.z", gate=str(in_the_lost_part))}).job
        for job in (long, ending):
            await_working(live, job)
        wait_for(lambda cut=cut: diary.count(f"{cut}.c") == 1 and diary.count(f"{cut}.z") == 1)  # type: ignore[misc]
        time.sleep(LOST_S + 1.2)  # the log has whole seconds: the cut is after everything above and before the rest

        lost_from = time.time()
        in_the_lost_part.touch()
        nodes = {"x": diary.probe(f"{cut}.x"), "y": diary.probe(f"{cut}.y", gate=str(at_the_end))}
        young = live.submit(nodes, [("x", "y")]).job
        live.finish(ending)
        wait_for(lambda cut=cut: diary.count(f"{cut}.y") == 1)  # type: ignore[misc]
        wait_for(lambda young=young: len(events_of(live, young, "node.completed")) == 1)  # type: ignore[misc]
        epoch = epoch_of(live)
        old = [held[0] for held in (lease_of(live, long), lease_of(live, young)) if held is not None]
        assert len(old) == 2
        sigkill(live.bus_process)
        kept, lost = cut_the_log(live.home / "bus", min(lost_from, time.time() - LOST_S))
        assert young.encode() in lost and young.encode() not in kept, "the log lost its acceptance"
        assert b"job.completed" in lost and ending.encode() in kept, "the log lost its end, but not its acceptance"
        assert diary.count(f"{cut}.c") == 1 and long.encode() in kept
        live.start_bus()
        wait_for(lambda epoch=epoch: is_open(live, epoch + 1), what="the deployment is open again")  # type: ignore[misc]
        at_the_end.touch()
        jobs = [long, ending, young]
        records = [live.finish(job) for job in jobs]
        wait_for(lambda jobs=jobs: not any(map(live.deployment.bus.knows, jobs)), what="the bus has forgotten them")  # type: ignore[misc]
        counts = {name: diary.count(f"{cut}.{name}") for name in "acdxyz"}
        print(f"{len(lost)} bytes lost: {len(records)} of 3 jobs done, epoch {epoch} now {epoch_of(live)}, {counts}")
        assert {live.deployment.bus.commit(lease, "c", b"{}")[0] for lease in old} == {Verdict.FENCED}
        assert counts == dict.fromkeys("acdxyz", 1), "a node known to SQL or a live worker ran again"
        for job in jobs:
            completed_once(live, job)


def is_open(live: LiveDeployment, epoch: int) -> bool:
    marker = live.deployment.bus.marker()
    return marker.phase is Phase.OPEN and marker.epoch == epoch


@pytest.mark.parametrize("taken_over_first", [True, False], ids=["taken_over_before", "taken_over_after"])
def test_a_resumed_worker_is_refused_after_the_bus_was_wiped(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]], taken_over_first: bool
) -> None:
    """A worker is stopped, the bus is wiped, others take over; then the worker resumes."""
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
        live.deployment.bus.client.flushall()
        assert live.deployment.bus.marker() == Marker(0, "", None), "the bus is empty"
        wait_for(lambda: is_open(live, epoch + 1), what="the deployment is open again")
        assert live.deployment.bus.marker().run_id == run_id(live.deployment.bus.client)
        wait_for(lambda: diary.count("n") == 2, what="the node runs on the other worker")
    finally:
        wake_processes(pids)
    assert live.deployment.bus.commit(lease, "n", b'{"output": {"text": "late"}}')[0] is Verdict.FENCED
    assert live.deployment.bus.adopt(lease, slot, {})[0] is Verdict.FENCED
    wait_for(lambda: "segment lost" in live.log()[marked:], what="the zombie gave its work up")
    gate.touch()
    record = completed_once(live, job)
    completed_once(live, kept)
    output = record.node("n").output
    assert output is not None and not output["text"].endswith(f" {pids[1]}")
    assert record.node("n").worker != slot
    counts = {name: diary.count(name) for name in "nk"}
    print(f"wiped at epoch {epoch}, now {epoch_of(live)}: 2 of 2 jobs done, executions {counts}; late commit refused")
    assert counts == {"n": 2, "k": 1}, "a live worker did not keep its work"
    assert live.deployment.job(kept).node("k").worker == keeper
    assert kept_lease.fence != lease.fence
