"""Metrics over steps: from a training to its record, for watchers that come late, and across a crash."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from schemas.event import Event, EventType
from schemas.folding import JobFold
from schemas.job import JobRecord
from schemas.series import MOST_POINTS, Point, sentence
from schemas.status import JobStatus
from tests.engine.probe_nodes import loss_at
from tests.live import LiveDeployment, wait_for
from workbench.notebook.job import Job
from workbench.terminal.progress import Follower

pytestmark = pytest.mark.stack


def training(value: str, **params: Any) -> dict[str, Any]:
    return {"service": "probe.training", "params": {"value": value, **params}}


def steps_of(points: list[Point]) -> list[int]:
    return [step for step, _, _ in points]


def reports(live: LiveDeployment, job: str) -> list[Event]:
    return [event for event in live.deployment.events(job) if event.type is EventType.NODE_SERIES]


def test_a_training_of_100_000_steps_makes_few_events_and_a_short_curve(live: LiveDeployment) -> None:
    record = live.run({"train": training("long", steps=100_000, rate=1e-4)})
    node = record.node("train")
    points = node.series["loss"]
    assert set(node.series) == {"loss", "learning_rate"}
    assert len(points) <= MOST_POINTS and steps_of(points)[:: len(points) - 1] == [1, 100_000]
    assert all(before < after for before, after in pairwise(steps_of(points)))
    assert {value for _, value, _ in points} <= {loss_at(step, 1e-4) for step in steps_of(points)}
    assert node.metrics == {"loss": points[-1][1], "learning_rate": 0.0, "seconds_per_step": 0.5}
    told = reports(live, record.id)
    assert node.seconds is not None and 1 <= len(told) <= node.seconds + 2, "one event a second, and one at the end"
    assert max(len(event.to_json()) for event in told) < 4096


def test_a_killed_training_continues_its_curve_after_the_checkpoint(live: LiveDeployment) -> None:
    record = live.run({"train": training("killed", steps=100, checkpoint_every=20, die_at=70)})
    node = record.node("train")
    assert (record.status, node.attempt) == (JobStatus.COMPLETED, 2)
    points = node.series["loss"]
    assert all(before < after for before, after in pairwise(steps_of(points))), "no step twice"
    assert {1, 61, 100} <= set(steps_of(points)), "the first, the one after the checkpoint, the last"
    assert all(value == pytest.approx(loss_at(step)) for step, value, _ in points)
    events = list(live.deployment.events(record.id))
    died = next(place for place, event in enumerate(events) if event.type is EventType.NODE_RETRYING)
    before = [event for event in events[:died] if event.type is EventType.NODE_SERIES]
    assert before[-1].data["points"]["loss"][-1][0] == 70, "the points before the crash are kept"


def test_a_watcher_that_joins_late_sees_the_whole_curve(live: LiveDeployment, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = live.submit({"train": training("late", steps=60, gate=str(gate), gate_step=40)}).job

    def recorded() -> JobRecord | None:
        record = live.deployment.job(job)
        return record if steps_of(record.node("train").series.get("loss", []))[-1:] == [40] else None

    held = wait_for(recorded, what="the record has the curve while the node runs")
    assert held.status is JobStatus.RUNNING
    late, seen = JobFold(held), JobFold(held.model_copy(update={"nodes": [_fresh(held)]}))
    gate.touch()
    for update in live.deployment.watch(job):  # all events from the first one on
        for event in update.events:
            late.see(event)
            seen.see(event)
    series = live.finish(job).node("train").series
    assert late.nodes["train"].series == seen.nodes["train"].series == series
    assert steps_of(series["loss"])[0] == 1 and steps_of(series["loss"])[-1] == 60
    assert Job(live.deployment, job).series["train.loss"][-1]["value"] == loss_at(60)
    assert sentence("loss", series["loss"]) == f"loss {loss_at(60):.3g} at step 60, from {loss_at(1):.3g}"


def _fresh(record: JobRecord) -> Any:
    """The node before its first event."""
    node = record.node("train")
    return type(node)(id=node.id, service=node.service, plane=node.plane)


def test_a_command_line_tells_the_state_of_the_curve(live: LiveDeployment, capsys: pytest.CaptureFixture[str]) -> None:
    job = live.submit({"train": training("told", steps=20)}).job
    with Follower(live.deployment, job, visible=True) as follower:
        follower.follow(lambda _: None, None)
    told = f"… train loss {loss_at(20):.3g} at step 20, from {loss_at(1):.3g}; learning_rate 0 at step 20, from 9.5e-05"
    assert told in capsys.readouterr().err.splitlines()


def test_the_points_before_a_failure_are_recorded(live: LiveDeployment) -> None:
    record = live.run({"train": training("refused", steps=50, refuse_at=30)})
    assert record.status is JobStatus.FAILED
    assert steps_of(record.node("train").series["loss"])[-1] == 30
