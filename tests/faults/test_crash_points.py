"""The control plane dies at every named point of take, commit, delivery and record: nothing is lost or duplicated.

Its own worker runs nodes in the same process, so these are also the crash points of workers. In the short form, one
control plane after another dies, each at the next point, with the jobs of the one before; the last one finishes them.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.counts import await_working, completed_once, tracked_once
from tests.faults.extent import LONG
from tests.faults.tracked import _deployment as _deployment
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.results import Phase
from workbench.crash_points import CrashPoint

pytestmark = pytest.mark.timeout(600)

KEEPER = (
    CrashPoint.EPOCH_BEGUN,
    CrashPoint.JOB_PUT_BACK,
    CrashPoint.RECALLED,
    CrashPoint.GRACE_OVER,
    CrashPoint.ALL_ENQUEUED,
    CrashPoint.DEPLOYMENT_OPENED,
)
WORK = (CrashPoint.TAKE_ASKED, CrashPoint.TAKE_ANSWERED, CrashPoint.COMMIT_UPLOADED, CrashPoint.COMMIT_ANSWERED)
EXPIRE = (CrashPoint.EXPIRE_ASKED, CrashPoint.EXPIRE_ANSWERED)
FAIL = (CrashPoint.FAIL_ASKED, CrashPoint.FAIL_ANSWERED)
RELEASE = (CrashPoint.RELEASE_ASKED, CrashPoint.RELEASE_ANSWERED)
HAND_OVER = (*EXPIRE, *FAIL, *RELEASE)
RECORDER = (CrashPoint.OUTBOX_READ, CrashPoint.BATCH_APPLIED, CrashPoint.BATCH_CONFIRMED)
TRACKER = (
    CrashPoint.RUN_CREATING,
    CrashPoint.RUN_CREATED,
    CrashPoint.RUN_LOGGED,
    CrashPoint.RUN_FILLED,
    CrashPoint.RUN_ENDED,
)
SWEEPS = (CrashPoint.CELL_ACCEPTED, CrashPoint.CELL_NOTED)  # killed there by tests/sweeps/test_running.py
ROUNDS = (KEEPER, WORK, HAND_OVER, (*RECORDER, *TRACKER))
BATCHES = [(point,) for points in ROUNDS for point in points] if LONG else list(ROUNDS)


def test_every_crash_point_is_covered() -> None:
    assert {point for batch in BATCHES for point in batch} == set(CrashPoint) - {*SWEEPS}


class Round:
    """A series of control planes that die one after another, and their jobs."""

    def __init__(self, live: LiveDeployment, diary: Diary, folder: Path) -> None:
        self.live = live
        self.diary = diary
        self.folder = folder
        self.jobs: list[str] = []
        self.nodes = 0
        self.executions_more = 0  # upper bound: one per kill and one per attempt that fails on purpose

    def submit(self, point: CrashPoint) -> str:
        """Submit a small job over both planes; its first node fails or sleeps if the point needs that."""
        name = f"{point.value}-{len(self.jobs)}"
        more: dict[str, Any] = {}
        if point in FAIL:
            more["fail_times"] = 1
            self.executions_more += 1
        if point in RELEASE:
            more["sleep_first_s"] = 4.0
        service = "probe.control"
        if point in EXPIRE:
            more["sleep_first_s"], service = 60.0, "probe.data"
        probes = {
            "a": self.diary.probe(f"{name}.a", service, **more),
            "b": self.diary.probe(f"{name}.b"),
            "c": self.diary.probe(f"{name}.c", "probe.control"),
        }
        probes = {node: {**probe, "retries": {"maxAttempts": 20}} for node, probe in probes.items()}
        job = self.live.submit(probes, [("a", "b"), ("b", "c")]).job
        self.jobs.append(job)
        self.nodes += len(probes)
        return job

    def die_at(self, point: CrashPoint) -> None:
        """Start a control plane that dies at this point, make it reach the point, and check its mark."""
        live = self.live
        assert live.control is not None and live.worker is not None
        if point in EXPIRE and not live.deployment.bus.leases():  # otherwise the reaper died before this lease ended
            await_working(live, self.submit(point))
            sigkill(live.worker)  # while it holds the lease
            self.executions_more += 1
        if live.control.poll() is None:
            sigkill(live.control)
        if point not in EXPIRE:
            self.submit(point)
        if point in KEEPER:
            self.submit(point)  # the grace period only matters with more than one job to restore
            live.deployment.bus.client.flushall()
        first = f"{point.value}-{len(self.jobs) - 1}.a"
        mark = self.folder / f"{point.value}.mark"
        ask = {"WORKBENCH_CRASH_AT": point.value, "WORKBENCH_CRASH_MARK": str(mark)}
        live.control = live.start_role("control", **ask, WORKBENCH_DRAIN_S="0")  # a drain returns its segments at once
        if point in RELEASE:
            wait_for(lambda: self.diary.count(first) >= 1, 120, f"{first} runs")
            live.control.send_signal(signal.SIGTERM)  # it drains
        await_death(live.control, point, live)
        assert mark.read_text() == point.value, "it died for another reason"
        self.executions_more += 1
        if live.worker.poll() is not None:
            live.worker = live.start_role("worker")

    def settle(self) -> None:
        """Start a control plane that survives, wait for every job and check the counts."""
        self.live.ensure()
        for job in self.jobs:
            completed_once(self.live, job)
        executions = len(self.diary.lines())
        most = self.nodes + self.executions_more
        print(f"{len(self.jobs)} jobs, {self.nodes} nodes, {executions} executions of at most {most}")
        assert self.nodes <= executions <= most, self.diary.lines()


def await_death(process: subprocess.Popen[bytes], point: CrashPoint, live: LiveDeployment) -> None:
    wait_for(lambda: process.poll() is not None, 120, f"{point} is reached; {live.log()[-2000:]}")
    assert process.returncode == -signal.SIGKILL, (point, process.returncode, live.log()[-3000:])


@pytest.mark.parametrize("points", BATCHES, ids=lambda points: points[0].value if LONG else f"{points[0].value}…")
def test_a_crash_of_the_control_plane_loses_and_duplicates_nothing(
    live: LiveDeployment, diary: Diary, tmp_path: Path, points: Sequence[CrashPoint]
) -> None:
    round_ = Round(live, diary, tmp_path)
    for point in points:
        round_.die_at(point)
    round_.settle()
    if set(points) & set(TRACKER):
        runs = {tracked_once(live, job) for job in round_.jobs}
        print(f"{len(round_.jobs)} jobs, {len(runs)} runs in MLflow")
        assert len(runs) == len(round_.jobs)


@pytest.mark.parametrize("point", [CrashPoint.EPOCH_BEGUN, CrashPoint.JOB_PUT_BACK])
def test_live_workers_keep_their_work_when_the_control_plane_dies_in_the_grace_period(
    live: LiveDeployment, diary: Diary, tmp_path: Path, point: CrashPoint
) -> None:
    """The next control plane finds a bus with a marker and only some of the jobs, or none."""
    assert live.control is not None
    gate = tmp_path / "gate"
    older = live.submit({"e": "probe.elsewhere"}).job  # restored first; no worker can run it
    job = live.submit({"n": diary.probe("n", gate=str(gate)), "m": diary.probe("m", "probe.control")}, [("n", "m")]).job
    _, worker = await_working(live, job)
    sigkill(live.control)
    jobs = [live.submit({"c": diary.probe(f"c{index}", "probe.control")}).job for index in range(2)]
    live.deployment.bus.client.flushall()
    mark = tmp_path / "mark"
    live.control = live.start_role("control", WORKBENCH_CRASH_AT=point.value, WORKBENCH_CRASH_MARK=str(mark))
    await_death(live.control, point, live)
    assert mark.read_text() == point.value and live.deployment.bus.marker().phase is not Phase.OPEN
    live.ensure()
    gate.touch()
    record = completed_once(live, job)
    for one in jobs:
        completed_once(live, one)
    assert record.node("n").worker == worker
    assert sorted(diary.lines()) == ["c0", "c1", "m", "n"]
    assert live.deployment.cancel(older)
