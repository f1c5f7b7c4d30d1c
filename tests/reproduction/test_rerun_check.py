"""A repeated run says what differs from then before it runs, and how far off it is afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from tests.live import LiveDeployment, sigkill
from tests.store.media import write_clip, write_tone
from workbench.cli.reproduction import plan_text, report
from workbench.client.access import Role, User
from workbench.client.bundles.export import export
from workbench.client.reproduction.check import finished, run_to_repeat, start
from workbench.client.reproduction.media_difference import compare_sounds, compare_videos
from workbench.client.reproduction.plan import plan

NODES = {
    "make": {"service": "probe.data", "params": {"file_kib": 2, "value": "repeat"}},
    "read": {"service": "probe.reader", "input": {"file": "$make.file"}},
}


@pytest.fixture
def made(live: LiveDeployment) -> JobRecord:
    return live.run(NODES, [("make", "read")])


def test_the_same_code_makes_the_same_bytes(live: LiveDeployment, made: JobRecord, tmp_path: Path) -> None:
    export(live.deployment, made.id, tmp_path / "run.zip")
    record = run_to_repeat(live.deployment, str(tmp_path / "run.zip"))
    assert record.id != made.id and record.owner == "local"
    planned = plan(live.deployment, record)
    assert planned.same, planned.differences
    assert "as then" in plan_text(planned)
    job = live.finish(start(live.deployment, record)).id
    found = finished(live.deployment, planned, job)
    assert found.same and [one.node for one in found.outputs] == ["make"]
    assert not any(node.cached for node in live.deployment.job(job).nodes)
    assert "bit for bit the same" in report(found)


def test_a_run_that_does_not_repeat_says_by_how_much(live: LiveDeployment) -> None:
    nodes = {"make": {"service": "probe.data", "params": {"sign": True, "file_kib": 1}}}
    made = live.run(nodes)
    assert live.worker is not None
    sigkill(live.worker)  # another process signs with another name; it must be gone before the next one is started
    live.ensure()
    planned = plan(live.deployment, made)
    found = finished(live.deployment, planned, live.finish(start(live.deployment, made)).id)
    assert not found.same
    assert any(one.changes or one.note for one in found.outputs) and "differ" in report(found)


def test_what_differs_is_named_node_by_node(live: LiveDeployment, made: JobRecord) -> None:
    nodes = [node.model_copy(update={"version": "0.9", "code": "c" * 64, "packages": ["av==1.0"]}) for node in
             made.graph.nodes]  # fmt: skip
    metadata = {**made.graph.metadata, "environment": {"workbench": "0.0.1", "python": "3.9.1", "machines": {}}}
    older = made.model_copy(update={"graph": made.graph.model_copy(update={"nodes": nodes, "metadata": metadata})})
    planned = plan(live.deployment, older)
    named = {(one.node, one.what.split()[0]) for one in planned.differences}
    assert {("make", "version"), ("make", "code"), ("make", "package"), ("read", "version")} <= named
    assert {("", "workbench"), ("", "python"), ("", "hardware")} <= named
    text = plan_text(planned)
    assert "make: version: 0.9 -> 1.0.0" in text and "package av: 1.0 -> none" in text


def test_videos_and_sounds_are_measured(tmp_path: Path) -> None:
    one, other = write_clip(tmp_path / "a.mp4", 0.4), write_clip(tmp_path / "b.mp4", 0.6, hue=9)
    found = compare_videos(one, other)
    assert (found["frames"], found["frames_differ"]) == (10, 10) and "5 frames more now" in found["note"]
    assert 20 < found["psnr_min_db"] <= found["psnr_mean_db"] < 60
    assert compare_videos(one, one)["frames_differ"] == 0
    tone, longer = write_tone(tmp_path / "a.wav", 0.2), write_tone(tmp_path / "b.wav", 0.3)
    assert compare_sounds(tone, longer) == {"max_difference": 0.0, "note": "2400 samples more now"}


def test_what_cannot_be_repeated_is_refused(live: LiveDeployment, made: JobRecord) -> None:
    for user in (User("local", Role.ADMIN), User("anna", Role.RUNNER)):
        with pytest.raises(WorkbenchError) as caught:
            run_to_repeat(live.deployment, "nothing" if user.role is Role.ADMIN else made.id, user=user)
        assert caught.value.code == "bundle.not_found"
