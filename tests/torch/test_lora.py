"""LoRA on image and video networks: what is attached, what comes off again, and which files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from nodes._torch import lora
from nodes._torch.lora_file import LoraMetadata
from schemas.errors import WorkbenchError
from tests.torch import tiny

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
