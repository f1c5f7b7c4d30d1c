"""A worker is stopped beyond its lease and resumes: its late results are refused and never become visible."""

from __future__ import annotations

import hashlib
import subprocess
from typing import Any

import pytest

from schemas.refs import refs_in
from tests.faults.counts import (
    await_working,
    completed_once,
    events_of,
    holder,
    stop_processes,
    tracked_once,
    wake_processes,
)
from tests.faults.extent import extent
from tests.faults.tracked import _deployment as _deployment
from tests.live import Diary, LiveDeployment, wait_for
from workbench.bus.results import Verdict
from workbench.store.artifact_references import ArtifactReferences
from workbench.store.tracking_api import TrackingApi

pytestmark = pytest.mark.timeout(900)
STOPS = extent(10, 2)


@pytest.mark.parametrize("with_executor", [True, False], ids=["whole_worker", "supervisor_only"])
def test_the_late_results_of_a_resumed_worker_are_refused(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]], with_executor: bool
) -> None:
    """In alternate rounds, it resumes while the other worker runs the node and after that worker has finished."""
    refused = 0
    for round_ in range(STOPS):
        name = f"{'whole' if with_executor else 'supervisor'}-{round_}"
        job = live.submit({"n": diary.probe(name, sleep_s=1.0, sign=True)}).job
        lease, slot = await_working(live, job)
        sleeper = holder(workers, live, slot)
        executor = live.executor_of(sleeper)
        pids = [sleeper.pid, executor] if with_executor else [sleeper.pid]
        late_text = f"{name} by process {executor}"
        marked = len(live.log())
        stop_processes(pids)
        try:
            assert events_of(live, job, "node.completed") == [], "it was not stopped in the middle of the node"
            wait_for(lambda job=job: len(events_of(live, job, "node.running")) == 2, what="taken over")  # type: ignore[misc]
            if round_ % 2:
                completed_once(live, job)
        finally:
            wake_processes(pids)
        late = f'{{"output": {{"text": "{late_text}"}}}}'.encode()
        verdict = live.deployment.bus.commit(lease, "n", late)[0]  # the verdict that its supervisor receives
        assert verdict is Verdict.FENCED
        wait_for(lambda marked=marked, slot=slot: gave_up(live.log()[marked:], slot), what="it gave up the segment")  # type: ignore[misc]
        refused += 1
        record = completed_once(live, job)
        assert diary.count(name) == 2
        assert record.node("n").worker != slot
        check_not_visible(live, job, late_text)
    print(f"stopped {STOPS} times: {refused} of {STOPS} late commits refused, {STOPS} results of the other worker kept")


def gave_up(log: str, slot: str) -> bool:
    return any("segment lost" in line and slot in line and "FENCED" in line for line in log.splitlines())


def check_not_visible(live: LiveDeployment, job: str, late_text: str) -> None:
    """Check that the late result is neither in SQL's artifacts nor in the job's outputs nor in MLflow."""
    late = hashlib.sha256(late_text.encode()).hexdigest()
    record = live.deployment.job(job)
    output = record.node("n").output
    assert output is not None and output["text"] != late_text
    shown = {ref.sha256 for ref in refs_in(output)}
    assert shown == {hashlib.sha256(output["text"].encode()).hexdigest()}
    assert ArtifactReferences(live.deployment.store.database).referenced({*shown, late}) == shown
    run = tracked_once(live, job)
    api = TrackingApi(live.settings.mlflow_url)
    recorded: dict[str, Any] = api._api("GET", f"runs/get?run_id={run}")["run"]
    assert late_text not in str(recorded) and late not in str(recorded)
