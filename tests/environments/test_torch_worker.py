"""Pipelines on real workers: one with the packaged models, one with torch and tiny random weights."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes._samples import sample_portrait
from schemas.api import JobRequest
from schemas.event import Progress
from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.engines import ENGINES, INSTALLED, MISSING, make_models
from tests.live import LiveDeployment, sigkill, wait_for
from tests.portrait_sets import views, zipped
from workbench.client.submit import submit

pytestmark = [
    pytest.mark.stack,
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.skipif(not INSTALLED, reason=MISSING),
]
SHORT = {"clip": {"width": 64, "height": 64, "steps": 1}, "animate": {"fps": 20}, "upscale": {"max_side": 256}}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def torch_worker(_live: LiveDeployment, models: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One worker for all tests of this file, because its executor takes 10 s of CPU to import torch and diffusers."""
    _live.ensure()
    process = _live.start_role(
        "worker", "--pool", "torch", WORKBENCH_ENGINES=str(ENGINES), WORKBENCH_MODELS=str(models), OMP_NUM_THREADS="1"
    )
    try:
        _live.await_ready(process)
        yield process
    finally:
        sigkill(process)


def submitted(live: LiveDeployment, folder: Path, *without: str, **params: dict[str, Any]) -> str:
    request = JobRequest(
        pipeline="svd_wav2lip",
        options={"portrait": sample_portrait(folder), "script": "Good morning.", "leave_out": list(without)},
        params={step: SHORT[step] | params.get(step, {}) for step in SHORT if step not in without},
    )
    return submit(live.deployment, request).job


def test_the_clip_is_made_while_the_text_is_spoken(
    live: LiveDeployment, torch_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Random weights make a clip without a face, which Wav2Lip refuses by name."""
    record = live.finish(submitted(live, tmp_path, "upscale", "evaluate"))
    clip, speech, lips = (record.node(name) for name in ("clip", "speech", "animate"))
    assert (clip.output["frames"], speech.error, record.status) == (14, None, JobStatus.FAILED)
    assert clip.worker.startswith("torch-") and speech.worker.startswith("cpu-")
    assert clip.started_at < speech.finished_at and speech.started_at < clip.finished_at, "both branches at once"
    assert lips.error is not None and (lips.error.code, lips.attempt) == ("node.bad_input", 1)
    assert "no face" in lips.error.message


def test_a_killed_executor_continues_and_the_next_job_computes_nothing(
    live: LiveDeployment, torch_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    job = submitted(live, tmp_path, "clip", "evaluate")
    live.await_event(job, "node.running", "animate")
    os.kill(live.executor_of(torch_worker), 9)
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert (record.node("animate").attempt, record.node("upscale").attempt) == (2, 1)
    video = record.node("remux").output["video"]
    assert (video["width"], video["height"]) == (256, 256)
    pinned = record.graph.node("animate").models
    assert pinned and set(pinned) == {"wav2lip-gan"}
    again = live.finish(submitted(live, tmp_path, "clip", "evaluate"))
    assert all(node.cached for node in again.nodes) and again.node("remux").output == record.node("remux").output


def test_a_job_is_cancelled_between_two_steps(
    live: LiveDeployment, torch_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    job = submitted(live, tmp_path, "upscale", "evaluate", clip={"steps": 200})

    def begun() -> bool:
        seen = live.deployment.bus.progress(job).get("clip")
        return seen is not None and Progress.model_validate_json(seen).done >= 1

    wait_for(begun, what="a step of the clip is done")
    executor = live.executor_of(torch_worker)
    live.deployment.cancel(job)
    record: JobRecord = live.finish(job)
    assert record.status is JobStatus.CANCELLED
    assert live.executor_of(torch_worker) == executor, "it left the node by itself"


TINY_TRAINING = {"steps": 8, "checkpoint_every": 4, "sample_every": 4, "sample_steps": 1, "resolution": 32, "rank": 4}


def test_a_killed_training_goes_on_and_its_lora_is_used_by_name(
    live: LiveDeployment, torch_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    portraits = {name: image.resize((192, 192)) for name, image in list(views(tmp_path).items())[:5]}
    asked = JobRequest(
        pipeline="train_lora",
        options={"name": "ada", "images": zipped(tmp_path / "ada.zip", portraits), "trigger": "sks"},
        params={"train": TINY_TRAINING},
    )
    job = submit(live.deployment, asked).job
    wait_for(lambda: live.deployment.bus.parts(job, "train"), what="the first checkpoint")
    os.kill(live.executor_of(torch_worker), 9)
    record = live.finish(job)
    trained = record.node("train")
    assert (record.status, trained.attempt, trained.output["steps"]) == (JobStatus.COMPLETED, 2, 8)
    assert [step for step, _, _ in trained.series["loss"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert set(record.graph.node("train").models or ()) == {"sd-1.5"}

    portrait = {"model": "sd-1.5", "face": False, "steps": 1, "width": 64, "height": 64}
    using = JobRequest(
        pipeline="svd_wav2lip",
        options={"scene": "sks person", "script": "Good morning.", "lora": "ada", "leave_out": ["upscale", "evaluate"]},
        params={"portrait": portrait, "clip": {**SHORT["clip"], "face": False}},
    )
    made = live.finish(submit(live.deployment, using).job)
    assert made.node("portrait").error is None, made.node("portrait").error
    assert made.graph.node("portrait").input["lora"]["sha256"] == trained.output["lora"]["sha256"]
    assert made.node("clip").output["frames"] == 14
