"""LoRA on image and video networks: what is attached and comes off again, how it is trained, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import accelerate
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from nodes._torch import lora
from nodes._torch.lora_file import LoraMetadata, read_metadata
from nodes.local import FolderHost, run_locally
from nodes.model_cache import ModelCache
from nodes.train import _memory
from nodes.train import lora as service
from nodes.train._base_model import Device, read_base
from nodes.train._batches import generator_of
from nodes.train._image_model import ImageModel
from nodes.train._session import examples_of
from nodes.train._video_model import VideoModel
from schemas.errors import WorkbenchError
from tests.portrait_sets import zipped
from tests.torch import tiny
from tests.torch.training_worker import LICENCE, Killed, TrainingWorker

SIDE = 32


@pytest.fixture(scope="module")
def image() -> Any:
    return built(tiny.stable_diffusion)


@pytest.fixture(scope="module")
def video() -> Any:
    return built(tiny.stable_video_diffusion)


@pytest.fixture(params=["image", "video"])
def model(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Both kinds of model, and how to run them; what a test attached and left would fail the next one."""
    pipeline = request.getfixturevalue(request.param)
    yield SimpleNamespace(pipeline=pipeline, run=lambda: run(pipeline))
    lora.detach(pipeline)


def built(builder: Callable[[], Any]) -> Any:
    torch.manual_seed(0)
    return builder()


def run(pipeline: Any) -> Any:
    """What the model makes of a fixed seed."""
    pipeline.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 2, "height": SIDE, "width": SIDE, "output_type": "np"}
    generator = torch.Generator().manual_seed(7)
    if hasattr(pipeline, "tokenizer"):
        return pipeline("a face", generator=generator, **options).images
    portrait = Image.new("RGB", (SIDE, SIDE), (200, 150, 90))
    return np.asarray(pipeline(portrait, generator=generator, num_frames=3, **options).frames)


def trained(pipeline: Any, path: Path, rank: int = 4, seed: int = 0) -> Path:
    """A LoRA file for the pipeline's network, as if it had been trained."""
    parameters = lora.inject(pipeline.unet, rank, 2 * rank, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters.values():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    name = type(pipeline.unet).__name__
    about = LoraMetadata(base_class=name, rank=rank, alpha=2 * rank, targets=lora.ATTENTION, base_model="tiny")
    lora.save(pipeline.unet, path, about)
    lora.detach(pipeline)
    return path


def test_strength_0_is_the_base_and_1_is_what_was_trained(model: Any, tmp_path: Path) -> None:
    base = model.run()
    parameters = lora.inject(model.pipeline.unet, 4, 8)
    assert np.array_equal(model.run(), base), "an untrained LoRA changes nothing"
    for parameter in parameters.values():
        parameter.data += 0.1
    changed = model.run()
    about = LoraMetadata(base_class=type(model.pipeline.unet).__name__, rank=4, alpha=8, targets=lora.ATTENTION)
    lora.save(model.pipeline.unet, tmp_path / "l", about)
    lora.detach(model.pipeline)
    assert not np.array_equal(changed, base)
    for strength, expected in ((1.0, changed), (0.0, base)):
        with lora.attached(model.pipeline, tmp_path / "l", strength) as metadata:
            assert metadata == about
            assert np.array_equal(model.run(), expected)
    with lora.attached(model.pipeline, tmp_path / "l", 0.5):
        half = model.run()
    assert not np.array_equal(half, base)
    assert not np.array_equal(half, changed)


def test_the_next_job_on_a_loaded_model_does_not_see_the_lora_of_one_that_failed(model: Any, tmp_path: Path) -> None:
    one = trained(model.pipeline, tmp_path / "one", seed=1)
    two = trained(model.pipeline, tmp_path / "two", seed=2)
    base, weights = model.run(), [id(parameter) for parameter in model.pipeline.unet.parameters()]
    with lora.attached(model.pipeline, two):
        alone = model.run()
    with pytest.raises(RuntimeError), lora.attached(model.pipeline, one):
        raise RuntimeError("the job fails")
    with lora.attached(model.pipeline, two):
        assert np.array_equal(model.run(), alone)
    with lora.attached(model.pipeline, None):
        assert np.array_equal(model.run(), base)
    assert [id(parameter) for parameter in model.pipeline.unet.parameters()] == weights


def test_an_equal_training_gives_equal_bytes(image: Any, tmp_path: Path) -> None:
    one, two = trained(image, tmp_path / "one"), trained(image, tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()


def test_plain_diffusers_loads_the_file_of_an_image_model(image: Any, tmp_path: Path) -> None:
    path, plain = trained(image, tmp_path / "mine.safetensors"), built(tiny.stable_diffusion)
    plain.load_lora_weights(tmp_path, weight_name=path.name)
    with lora.attached(image, path):
        assert np.array_equal(run(plain), run(image)), "alpha comes from the header"


def test_a_lora_reaches_a_network_whose_weights_wait_on_the_cpu(image: Any, tmp_path: Path) -> None:
    path, offloaded = trained(image, tmp_path / "lora"), built(tiny.stable_diffusion)
    base = run(image)
    with lora.attached(image, path):
        expected = run(image)
    accelerate.cpu_offload(offloaded.unet, torch.device("cpu"))
    with lora.attached(offloaded, path):
        assert np.array_equal(run(offloaded), expected)
    assert np.array_equal(run(offloaded), base)


def test_flux_takes_files_of_ours_and_of_others(tmp_path: Path) -> None:
    flux = built(tiny.flux)
    for component in flux.components.values():
        if isinstance(component, torch.nn.Module):
            component.eval()
    base = run(flux)
    for parameter in lora.inject(flux.transformer, 4, 4).values():
        parameter.data += 0.1
    expected = run(flux)
    about = LoraMetadata(base_class="FluxTransformer2DModel", rank=4, alpha=4, targets=lora.ATTENTION)
    lora.save(flux.transformer, tmp_path / "ours", about)
    save_file(load_file(tmp_path / "ours"), tmp_path / "theirs")
    for name in ("ours", "theirs"):
        with lora.attached(flux, tmp_path / name):
            assert np.array_equal(run(flux), expected)
        assert np.array_equal(run(flux), base)
    assert not np.array_equal(base, expected)


def test_a_kohya_file_is_loaded_and_every_value_of_it_used(image: Any, tmp_path: Path) -> None:
    ours = load_file(trained(image, tmp_path / "ours"))
    theirs = {}
    for key, tensor in ours.items():
        module, _, side = key.removeprefix("unet.").rpartition(".lora_")
        end = "lora_down.weight" if side == "A.weight" else "lora_up.weight"
        theirs[f"lora_unet_{module.replace('.', '_')}.{end}"] = tensor
        theirs[f"lora_unet_{module.replace('.', '_')}.alpha"] = torch.tensor(8.0)
    save_file(theirs, tmp_path / "kohya")
    base = run(image)
    with lora.attached(image, tmp_path / "ours"):
        expected = run(image)
    with lora.attached(image, tmp_path / "kohya") as metadata:
        assert metadata is None
        assert np.array_equal(run(image), expected)
    assert np.array_equal(run(image), base)
    extra = {f"lora_unet_down_blocks_9_to_q.{side}.weight": torch.ones(4, 4) for side in ("lora_down", "lora_up")}
    save_file({**theirs, **extra}, tmp_path / "extra")
    with pytest.raises(WorkbenchError, match="LoRA"), lora.attached(image, tmp_path / "extra"):
        pass


def test_a_lora_for_another_kind_of_model_is_refused_with_what_it_was_trained_on(
    image: Any, video: Any, tmp_path: Path
) -> None:
    with pytest.raises(WorkbenchError) as raised, lora.attached(video, trained(image, tmp_path / "image")):
        pass
    assert raised.value.code == "node.bad_input"
    assert raised.value.seen == "trained on UNet2DConditionModel (tiny)"
    assert raised.value.allowed == "a LoRA for UNetSpatioTemporalConditionModel"
    save_file({"lora_unet_x.lora_up.weight": torch.ones(2, 2)}, tmp_path / "others")
    with pytest.raises(WorkbenchError, match="must come from train"), lora.attached(video, tmp_path / "others"):
        pass


Tensors = dict[str, torch.Tensor]
FIRST = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight"
WRONG: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a key that the network has not": (lambda has: {**has, "unet.nowhere.lora_A.weight": torch.ones(4, 4)}, "nowhere"),
    "a key missing": (lambda has: {key: value for key, value in has.items() if key != FIRST}, "missing: "),
    "another shape": (lambda has: {**has, FIRST: torch.zeros(3, 5)}, "of another shape: down_blocks.0"),
    "not a number": (lambda has: {**has, FIRST: has[FIRST] * float("nan")}, "NaN or infinity"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_does_not_fit_is_refused_and_leaves_the_model_as_it_was(
    video: Any, tmp_path: Path, case: str
) -> None:
    change, seen = WRONG[case]
    path = trained(video, tmp_path / "good")
    with (tmp_path / "good").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    save_file(change(load_file(path)), tmp_path / "bad", header)
    before = list(video.unet.state_dict())
    with pytest.raises(WorkbenchError) as raised:
        lora.attach(video, tmp_path / "bad")
    assert seen in str(raised.value.seen)
    assert list(video.unet.state_dict()) == before


def test_a_trojaned_or_cut_off_file_is_refused(image: Any, tmp_path: Path) -> None:
    class Trojan:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"unet": Trojan()}, tmp_path / "trojan.safetensors")
    with pytest.raises(WorkbenchError, match="cannot be read") as raised:
        lora.attach(image, tmp_path / "trojan.safetensors")
    assert "pickle" in str(raised.value.seen)
    assert not (tmp_path / "ran").exists()
    whole = trained(image, tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WorkbenchError, match="cannot be read"):
        lora.attach(image, tmp_path / "cut")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> TrainingWorker:
    return TrainingWorker(tmp_path_factory.mktemp("worker"))


def test_the_loss_falls_the_samples_change_and_the_file_says_what_it_is(worker: TrainingWorker, tmp_path: Path) -> None:
    host = FolderHost(tmp_path / "run")
    out = worker.train(host, model="sd", steps=30, alpha=32.0, gradient_checkpointing=False, sample_every=15)
    losses = json.loads(host.fetch(out.loss).read_text())["loss"]
    assert len(losses) == out.steps == 30
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.03
    assert list(host.series["loss"].values()) == losses, "the curve is there while it runs"
    assert host.metrics["images"] == len(worker.portraits)
    assert (30, 30, "steps") in host.progressed
    sheet = np.asarray(Image.open(host.fetch(out.samples)).convert("RGB")).astype(int)
    base, _, last = (sheet[30:62, 6 + at * 38 : 6 + at * 38 + 32] for at in range(3))
    assert np.abs(base - last).mean() > 3, "the samples of the base and of the LoRA differ"
    about = read_metadata(host.fetch(out.lora))
    assert isinstance(about, LoraMetadata)
    installed = json.loads((worker.models / "sd" / "installed.json").read_text())
    assert (about.base_model, about.base_digest, about.licence) == ("sd", installed["digest"], LICENCE)
    assert (about.trigger, about.rank, about.alpha, about.training["seed"]) == ("sks", 4, 32.0, 5)
    report = json.loads(host.fetch(out.report).read_text())
    assert sorted(about.images) == sorted(one["sha256"] for one in report["images"])
    assert {one["name"]: one["caption"] for one in report["images"]}["front.png"] == "sks, a woman, smiling"
    plain = worker.pipeline("sd")
    plain.load_lora_weights(load_file(host.fetch(out.lora)))
    assert plain.get_active_adapters()


def resumed(worker: TrainingWorker, folder: Path, step: int, **params: Any) -> Any:
    """What a training makes that was killed in a step and continued. It equals what one makes that was not."""
    whole = worker.train(FolderHost(folder / "whole"), **params)
    killed = Killed(folder / "resumed", step)
    with pytest.raises(ConnectionError):
        worker.train(killed, **params)
    assert len(killed.parts) == 1
    host = FolderHost(folder / "resumed")
    again = worker.train(host, parts=killed.parts, **params)
    done = params["checkpoint_every"]
    assert f"continues after step {done}, from a checkpoint of an earlier attempt" in host.said
    assert again == whole, "all files have the same bytes"
    return again, host


def test_a_killed_training_of_an_image_model_ends_with_the_same_bytes(worker: TrainingWorker, tmp_path: Path) -> None:
    accumulated = {"batch_size": 2, "gradient_accumulation": 2}
    resumed(worker, tmp_path, 3, model="sdxl", steps=4, checkpoint_every=2, sample_every=3, **accumulated)


def test_svd_learns_the_person_inside_frames_also_when_it_is_killed(worker: TrainingWorker, tmp_path: Path) -> None:
    usual = {
        "model": "svd",
        "resolution": 16,
        "alpha": 32.0,
        "dropout": 0.5,
        "sample_every": 99,
        "gradient_checkpointing": False,
    }
    out, host = resumed(worker, tmp_path, 9, steps=10, checkpoint_every=8, **usual)
    about = read_metadata(host.fetch(out.lora))
    assert about is not None
    assert about.targets
    assert not [name for name in about.targets if "temporal" in name]
    pipe, base = worker.pipeline("svd"), read_base(worker.context(host), "svd")
    (tmp_path / "images").mkdir()
    images, judged, _ = service._judged(worker.archive, tmp_path / "images", service.Params(), 16)
    examples = examples_of(images, judged, base.sizes(16))
    model = VideoModel(pipe, examples, frames=2, dropout=0.5, sample_steps=1, seed=0, done=lambda _: None)
    losses = []
    for strength in (0.0, 1.0):
        with lora.attached(pipe, host.fetch(out.lora), strength), torch.no_grad():
            draws = [(at, generator_of(1, at)) for at in range(len(examples))]
            losses.append(np.mean([float(model.loss([at], noise)) for at, noise in draws]))
    assert losses[1] < 0.98 * losses[0], "less error on noise that it was not trained with"


def test_what_does_not_fit_into_the_memory_is_refused_before_anything_is_loaded(
    worker: TrainingWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FolderHost(tmp_path / "run")
    base = read_base(worker.context(host), "sd")

    def estimate(**changed: Any) -> float:
        usual = {"rank": 4, "resolution": 64, "batch_size": 1, "frames": 1, "between_frames": False}
        at = Device(torch.device("cpu"), torch.float32)
        return base.memory(at, **{**usual, "checkpointing": False, **changed}).gib

    small = estimate()
    assert estimate(checkpointing=True) < small < estimate(resolution=128, batch_size=2)
    monkeypatch.setattr(_memory, "free_gib", lambda device: small)
    monkeypatch.setattr(worker, "cache", ModelCache())
    monkeypatch.setattr("nodes.train._base_model.from_files", lambda *_: pytest.fail("weights were loaded"))
    with pytest.raises(WorkbenchError) as raised:
        worker.train(host, model="sd", resolution=128, rank=256, steps=1)
    assert raised.value.code == "node.out_of_memory"
    assert "rank 256" in str(raised.value.seen)


def test_models_of_other_nodes_make_room_and_a_loaded_base_needs_no_second_copy(
    worker: TrainingWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, ctx = ModelCache(), worker.context(FolderHost(tmp_path / "run"))
    monkeypatch.setattr(worker, "cache", cache)
    at = Device(torch.device("cpu"), torch.float32)
    need = read_base(ctx, "sd").memory(
        at, rank=4, resolution=64, batch_size=1, frames=1, between_frames=False, checkpointing=False
    )
    full = need.once_loaded().gib
    assert 0 < full < need.gib
    # A card on which the weights of one model leave exactly what a step needs beside them.
    monkeypatch.setattr(_memory, "free_gib", lambda device: (need.gib, full, 0.0)[len(cache.keys)])
    cache.get("of another node", object, vram_gib=1.0)
    for run in ("first", "again"):
        base = read_base(worker.context(FolderHost(tmp_path / run)), "sd")
        base.load(worker.context(FolderHost(tmp_path / run)), at, need)
        assert len(cache.keys) == 1 and cache.keys[0].startswith("train.lora/sd/")


def test_a_training_that_runs_out_of_memory_steps_down_once_and_makes_the_same(
    worker: TrainingWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full, calls = ImageModel.loss, {2}, 0

    def loss(*arguments: Any) -> Any:  # as PyTorch raises it where a card is full; there is none here
        nonlocal calls
        calls += 1
        if calls in full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*arguments)

    usual = {"model": "sd", "steps": 2, "gradient_checkpointing": False}
    easy = worker.train(FolderHost(tmp_path / "easy"), **usual)
    monkeypatch.setattr(ImageModel, "loss", loss)
    host = FolderHost(tmp_path / "full")
    assert worker.train(host, **usual).lora == easy.lora
    assert host.metrics["stepped_down"] == 1
    full |= set(range(5, 9))
    with pytest.raises(WorkbenchError) as raised:
        worker.train(FolderHost(tmp_path / "fuller"), **usual)
    assert raised.value.code == "node.out_of_memory"
    assert "again after gradient checkpointing" in str(raised.value.seen)


def test_a_sample_that_does_not_fit_is_decoded_in_tiles_and_then_refused(
    worker: TrainingWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tiled = ImageModel.sample, list[bool]()

    def sample(model: ImageModel, seed: int) -> Any:  # as PyTorch raises it where a card is full; there is none here
        tiled.append(model._pipe.vae.use_tiling)
        if not tiled[-1] or fits_nowhere:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, seed)

    fits_nowhere = False
    monkeypatch.setattr(ImageModel, "sample", sample)
    host = FolderHost(tmp_path / "full")
    worker.train(host, model="sd", steps=1)
    assert tiled == [False, True, True] and host.metrics["stepped_down"] == 1
    fits_nowhere = True
    with pytest.raises(WorkbenchError) as raised:
        worker.train(FolderHost(tmp_path / "fuller"), model="sd", steps=1)
    assert (raised.value.code, raised.value.where) == ("node.out_of_memory", "params.resolution")


def test_a_set_of_three_images_is_refused_with_its_verdicts_before_anything_is_loaded(
    worker: TrainingWorker, tmp_path: Path
) -> None:
    three = zipped(tmp_path / "three.zip", dict(list(worker.portraits.items())[:3]))
    host = FolderHost(tmp_path / "run")
    ctx = worker.context(host)
    with pytest.raises(WorkbenchError, match="too few images") as raised:
        run_locally(service.run, ctx, {"model": "sd"}, {"images": ctx.save(three.read_bytes(), "file")})
    assert [one["verdict"] for one in raised.value.details["verdicts"]] == ["used"] * 3
    assert not host.said
