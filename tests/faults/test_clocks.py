"""Wall clocks that are an hour off or jump: no lease is taken over early or late. The machine's clock stays."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.status import JobStatus
from tests.faults.conftest import events_of
from tests.faults.extent import LONG, extent
from tests.live import LEASE_S, ROOT, Diary, LiveDeployment, sigkill, wait_for

HOUR_S = 3600.0
LONG_NODE_S = extent(30.0, 3 * LEASE_S)
MARGIN_S = 5.0  # for a loaded machine; a clock error of an hour or a lease without takeover is far longer
JUMP_EVERY_S = 0.5
PARTS = ("bus", "control", "worker")
EVERY_CASE = [(part, how) for part in (*PARTS, "all") for how in ("+1h", "-1h", "jumping")]
CASES = EVERY_CASE if LONG else [("bus", "+1h"), ("all", "jumping")]


SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""  # libfaketime 0.9.10 returns EINVAL for clock_nanosleep with a monotonic deadline, which Python 3.11 uses to sleep


def faketime(folder: Path, **clock: str) -> dict[str, str]:
    """Environment variables that change a process's wall clock, but not its monotonic clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed; `make fault-tools` as root installs it (Debian: faketime)")
    (folder / "sitecustomize.py").write_text(SLEEP)
    modules = f"{folder}{os.pathsep}{ROOT}"
    as_always = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1", "PYTHONPATH": modules}
    return {"LD_PRELOAD": str(found[0]), **as_always, **clock}


@contextlib.contextmanager
def clock(how: str, folder: Path) -> Iterator[tuple[dict[str, str], Callable[[], int]]]:
    """Yield the variables for such a clock and a function that returns the number of jumps so far."""
    if how != "jumping":
        yield faketime(folder, FAKETIME=how), lambda: 0
        return
    file, jumps, stopping = folder / "clock", 0, threading.Event()

    def jump() -> None:
        nonlocal jumps
        while not stopping.wait(JUMP_EVERY_S):
            jumps += 1
            set_clock(file, "+1h" if jumps % 2 else "-1h")

    set_clock(file, "-1h")
    thread = threading.Thread(target=jump, daemon=True)
    thread.start()
    try:
        yield faketime(folder, FAKETIME_TIMESTAMP_FILE=str(file)), lambda: jumps
    finally:
        stopping.set()
        thread.join()


def set_clock(file: Path, offset: str) -> None:
    staging = file.with_suffix(".new")
    staging.write_text(offset + "\n")
    staging.replace(file)


def off_by(live: LiveDeployment, job: str) -> dict[str, float]:
    """The clock offset of each process in seconds, from what it recorded; one second does not matter."""
    seconds, micros = live.deployment.bus.client.time()
    at_bus = seconds + micros / 1e6 - time.time()
    ran = {event.node: event.data for event in live.deployment.events(job) if event.type.value == "node.completed"}
    now = time.time()
    return {"bus": at_bus, "control": ran["c"]["startedAt"] - now, "worker": ran["w"]["startedAt"] - now}


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def off(
    request: pytest.FixtureRequest, _deployment: LiveDeployment, tmp_path: Path
) -> Iterator[tuple[LiveDeployment, str, str]]:
    """A deployment in which this process has such a clock."""
    part, how = request.param
    wrong = PARTS if part == "all" else (part,)
    with clock(how, tmp_path) as (variables, jumps):
        stop_all(_deployment)
        for name in wrong:
            _deployment.of_role[name] = variables
        try:
            _deployment.ensure()
            yield _deployment, part, how
            assert how != "jumping" or jumps() > 4 * LEASE_S / JUMP_EVERY_S
        finally:
            stop_all(_deployment)
            for name in wrong:
                _deployment.of_role[name] = {}


def stop_all(live: LiveDeployment) -> None:
    for process in (live.worker, live.control, live.bus_process):
        if process is not None and process.poll() is None:
            sigkill(process)


def test_leases_do_not_depend_on_the_wall_clock(off: tuple[LiveDeployment, str, str], diary: Diary) -> None:
    live, part, how = off
    # Not early: a node that lasts several leases, on each plane, with healthy workers.
    nodes = {
        "w": diary.probe("w", sleep_s=LONG_NODE_S),
        "c": {**diary.probe("c", "probe.control", sleep_s=LONG_NODE_S), "input": {"text": None}},
    }
    job = live.submit(nodes).job
    record = live.finish(job, LONG_NODE_S + 60)
    assert record.status is JobStatus.COMPLETED
    assert (diary.count("w"), diary.count("c")) == (1, 1)
    assert events_of(live, job, "node.retrying") == [] and {node.attempt for node in record.nodes} == {1}
    seen = off_by(live, job)
    for name, seconds in seen.items():
        wrong = part in (name, "all")
        assert (abs(seconds) > HOUR_S / 2) is wrong, f"the clock of {name} is {seconds:.0f} s off"

    # Not late: a worker is killed, and another takes over.
    first, second = live.worker, live.start_role("worker")
    assert first is not None
    live.worker = second
    names = {live.await_ready(process): process for process in (first, second)}
    lost = live.submit({"k": diary.probe("k", sleep_s=2 * LEASE_S)}).job
    started = live.await_event(lost, "node.running", "k")
    wait_for(lambda: diary.count("k") == 1)
    lease = live.deployment.bus.leases()[0].value
    wait_for(lambda: live.deployment.bus.leases()[0].value != lease, what="it sends a heartbeat")
    victim = next(process for name, process in names.items() if started.data["worker"].startswith(name))
    live.worker = second if victim is first else first
    killed_at = time.monotonic()
    sigkill(victim)
    live.await_event(lost, "node.retrying", "k")
    took_s = time.monotonic() - killed_at
    record = live.finish(lost)
    assert record.status is JobStatus.COMPLETED and record.node("k").attempt == 2
    assert (diary.count("k"), events_of(live, lost, "node.completed")) == (2, ["k"])
    assert LEASE_S / 2 < took_s < 1.5 * LEASE_S + MARGIN_S
    assert not any(process.poll() is not None for process in (live.control, live.worker) if process is not None)
    said = ", ".join(f"{name} {seconds:+.0f} s" for name, seconds in seen.items())
    print(f"\n{part} {how} ({said}): 1 execution of {LONG_NODE_S:g} s each; taken over after {took_s:.2f} s")
