"""Training of a LoRA on tiny models: what it learns, what a killed one continues with, and what is refused before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nodes._torch import lora
from nodes._torch.lora_file import LoraMetadata, read_metadata
from nodes.context import Context
from nodes.local import FolderHost, run_locally
from nodes.model_cache import ModelCache
from nodes.train import _base_model, _batches, _memory
from nodes.train import lora as service
from nodes.train._session import examples_of
from nodes.train._video_model import VideoModel
from nodes.weights import record
from schemas.errors import WorkbenchError
from tests.portrait_sets import views, zipped
from tests.torch import tiny

SMALL = {"resolution": 32, "rank": 4, "sample_steps": 1, "frames": 2, "learning_rate": 0.02}
LICENCE = "CreativeML Open RAIL-M"


class Bench:
    """Installed tiny models, a set of portraits, and one worker process that keeps its models loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.cache = folder, folder / "models", ModelCache()
        for name, build in (("image", tiny.stable_diffusion), ("svd", tiny.stable_video_diffusion)):
            record(tiny.install(self.models, name, build), licence=LICENCE)
        self.portraits = views(folder)
        self.archive = zipped(folder / "set.zip", {**self.portraits, "front.txt": b"a woman, smiling"})

    def context(self, host: FolderHost, parts: list[Any] | None = None) -> Context:
        settings = {"models": str(self.models)}
        host.folder.mkdir(exist_ok=True)
        return Context(host, workdir=host.folder / "w", models=self.cache, seed=5, settings=settings, parts=parts or ())

    def train(self, host: FolderHost, parts: list[Any] | None = None, **params: Any) -> Any:
        ctx = self.context(host, parts)
        images = ctx.save(self.archive.read_bytes(), "file")
        return run_locally(service.run, ctx, {**SMALL, **params}, {"images": images})


class Killed(FolderHost):
    """A host whose process dies in a step."""

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder)
        self._step = step

    def metric(self, name: str, value: float, step: int | None) -> None:
        super().metric(name, value, step)
        if name == "loss" and step == self._step:
            raise ConnectionError("the worker died")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def test_the_loss_falls_the_samples_change_and_the_file_says_what_it_is(bench: Bench, tmp_path: Path) -> None:
    host = FolderHost(tmp_path / "run")
    out = bench.train(host, model="image", steps=40, alpha=32.0, gradient_checkpointing=False, sample_every=20)
    losses = json.loads(host.fetch(out.loss).read_text())["loss"]
    assert len(losses) == out.steps == 40
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.03
    assert host.metrics["loss"] == losses[-1]
    assert host.metrics["images"] == len(bench.portraits)
    assert (40, 40, "steps") in host.progressed
    sheet = np.asarray(Image.open(host.fetch(out.samples)).convert("RGB")).astype(int)
    base, _, last = (sheet[30:62, 6 + at * 38 : 6 + at * 38 + 32] for at in range(3))
    assert np.abs(base - last).mean() > 3, "the samples of the base and of the LoRA differ"
    about = read_metadata(host.fetch(out.lora))
    assert isinstance(about, LoraMetadata)
    installed = json.loads((bench.models / "image" / "installed.json").read_text())
    assert (about.base_model, about.base_digest, about.licence) == ("image", installed["digest"], LICENCE)
    assert (about.trigger, about.rank, about.alpha, about.training["seed"]) == ("sks", 4, 32.0, 5)
    report = json.loads(host.fetch(out.report).read_text())
    assert sorted(about.images) == sorted(one["sha256"] for one in report["images"])
    assert report["images"][1]["caption"] == "sks, a woman, smiling"
    plain = _pipeline(bench, "image")
    plain.load_lora_weights(host.fetch(out.lora).parent, weight_name=_with_ending(host.fetch(out.lora)))
    assert plain.get_active_adapters()


@pytest.mark.parametrize(
    ("model", "options"),
    [("image", {"batch_size": 2, "gradient_accumulation": 2}), ("svd", {"dropout": 0.5, "resolution": 16})],
)
def test_a_killed_training_goes_on_from_its_last_checkpoint_and_ends_with_the_same_bytes(
    bench: Bench, tmp_path: Path, model: str, options: dict[str, Any]
) -> None:
    params = {"model": model, "steps": 5, "checkpoint_every": 2, "sample_every": 3, **options}
    whole = bench.train(FolderHost(tmp_path / "whole"), **params)
    killed = Killed(tmp_path / "resumed", step=3)
    with pytest.raises(ConnectionError):
        bench.train(killed, **params)
    assert len(killed.parts) == 1
    host = FolderHost(tmp_path / "resumed")
    resumed = bench.train(host, parts=killed.parts, **params)
    assert "continues after step 2, from a checkpoint of an earlier attempt" in host.said
    assert len(host.parts) == 2
    assert resumed == whole


def test_svd_learns_the_person_in_the_layers_inside_frames(bench: Bench, tmp_path: Path) -> None:
    host = FolderHost(tmp_path / "run")
    out = bench.train(host, model="svd", resolution=16, steps=25, alpha=32.0, dropout=0.5, sample_every=99)
    about = read_metadata(host.fetch(out.lora))
    assert about is not None
    assert about.targets
    assert not [name for name in about.targets if "temporal" in name]
    pipe = _pipeline(bench, "svd")
    base = _base_model.read_base(bench.context(host), "svd")
    folder = tmp_path / "images"
    folder.mkdir()
    images, judged, _ = service._judged(bench.archive, folder, service.Params(), 16)
    examples = examples_of(images, judged, base.sizes(16))
    model = VideoModel(pipe, examples, frames=2, dropout=0.5, sample_steps=1, seed=0, done=lambda _: None)
    losses = []
    for strength in (0.0, 1.0):
        with lora.attached(pipe, host.fetch(out.lora), strength), torch.no_grad():
            draws = [(at, _batches.generator_of(1, at)) for at in range(len(examples))]
            losses.append(np.mean([float(model.loss([at], noise)) for at, noise in draws]))
    assert losses[1] < 0.98 * losses[0], "less error on noise that it was not trained with"


def test_what_does_not_fit_into_the_memory_is_refused_before_anything_is_loaded(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FolderHost(tmp_path / "run")
    base = _base_model.read_base(bench.context(host), "image")

    def estimate(**changed: Any) -> float:
        usual = {"rank": 4, "resolution": 64, "batch_size": 1, "frames": 1, "between_frames": False}
        at = _base_model.Device(torch.device("cpu"), torch.float32)
        return base.require_memory(at, **{**usual, "checkpointing": False, **changed})

    small = estimate()
    assert estimate(checkpointing=True) < small < estimate(resolution=128) < estimate(resolution=128, batch_size=2)
    assert small < estimate(rank=256)
    monkeypatch.setattr(_memory, "free_gib", lambda device: small)
    with pytest.raises(WorkbenchError) as raised:
        bench.train(host, model="image", resolution=128, rank=256, steps=1)
    assert raised.value.code == "node.out_of_memory"
    assert "rank 256" in str(raised.value.seen)
    assert not [line for line in host.said if line.startswith("loading")]


def test_a_set_of_three_images_is_refused_with_its_verdicts_before_anything_is_loaded(
    bench: Bench, tmp_path: Path
) -> None:
    three = zipped(tmp_path / "three.zip", dict(list(bench.portraits.items())[:3]))
    host = FolderHost(tmp_path / "run")
    ctx = bench.context(host)
    with pytest.raises(WorkbenchError, match="too few images") as raised:
        run_locally(service.run, ctx, {"model": "image"}, {"images": ctx.save(three.read_bytes(), "file")})
    assert [one["verdict"] for one in raised.value.details["verdicts"]] == ["used"] * 3
    assert not host.said


def _pipeline(bench: Bench, name: str) -> Any:
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(bench.models / name, local_files_only=True, use_safetensors=True)


def _with_ending(path: Path) -> str:
    named = path.with_name("trained.safetensors")
    named.write_bytes(path.read_bytes())
    return named.name
