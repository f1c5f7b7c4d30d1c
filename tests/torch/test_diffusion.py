"""Images and clips by diffusers, on tiny pipelines with random weights: what comes out is noise, but it must be right
in shape, repeatable, steerable and refused where it must be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nodes._samples import sample_portrait
from nodes._torch.latent_preview import LatentPreview, fit_preview
from nodes._torch.lora import inject, save
from nodes._torch.lora_file import LoraMetadata
from nodes._torch.pipeline import LoadedPipeline
from nodes.context import Cancelled, Context
from nodes.generate import image, svd, wan_i2v
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import FileRef
from nodes.weights import record
from schemas.errors import WorkbenchError
from tests.torch import tiny

SMALL: dict[str, Any] = {"device": "cpu", "steps": 2, "width": 64, "height": 64}
IMAGE = {**SMALL, "model": "sd", "face": False, "prompt": "portrait person"}
SVD = {**SMALL, "model": "svd", "steps": 1, "frames": 3, "decode_chunk_size": 2}
WAN = {**SMALL, "model": "wan", "steps": 1, "frames": 5, "prompt": "person"}
LOADED = ModelCache()  # each pipeline is loaded once for all tests of this file


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.install(folder, "sd", tiny.stable_diffusion)
    tiny.install(folder, "sdxl", tiny.stable_diffusion_xl)
    tiny.install(folder, "flux", tiny.flux)
    tiny.install(folder, "svd", tiny.stable_video_diffusion)
    tiny.install(folder, "wan", tiny.wan_i2v)
    return folder


@pytest.fixture
def context(models: Path, tmp_path: Path) -> Callable[..., Context]:
    def make(seed: int = 7, cache: ModelCache = LOADED, folder: Path = models) -> Context:
        return local_context(tmp_path, cache, seed=seed, settings={"models": str(folder)})

    return make


def made(ctx: Context, **params: Any) -> bytes:
    """The PNG of one image."""
    lora = params.pop("lora", None)
    ref = run_locally(image.run, ctx, {**IMAGE, **params}, {"lora": lora}).image
    return ctx.open(ref).read_bytes()


def said(ctx: Context) -> str:
    return "\n".join(ctx.host.said)


def portrait(ctx: Context) -> Any:
    return ctx.save(sample_portrait(ctx.workdir), "image")


def lora(ctx: Context, folder: Path, part: str, trigger: str = "", size: float = 0.5) -> FileRef:
    """A LoRA with large random values for a network of an installed model, as train.lora saves it."""
    import diffusers

    kinds = {"unet": diffusers.UNet2DConditionModel, "transformer": diffusers.WanTransformer3DModel}
    kind = diffusers.UNetSpatioTemporalConditionModel if folder.name == "svd" else kinds[part]
    network = kind.from_pretrained(folder / part, local_files_only=True)
    inject(network, 2, 2.0)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        if ".lora_" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * size)
    path = ctx.workdir / "lora"
    save(
        network,
        path,
        LoraMetadata(base_class=type(network).__name__, rank=2, alpha=2.0, targets=("to_k",), trigger=trigger),
    )
    return ctx.save(path, "file")


@pytest.mark.parametrize("model", ["sd", "sdxl", "flux"])
def test_the_same_call_makes_an_image_with_each_kind_of_model(context: Callable[..., Context], model: str) -> None:
    ctx = context()
    result = run_locally(image.run, ctx, {**IMAGE, "model": model, "height": 80}, {})
    assert (result.image.width, result.image.height, result.seed) == (64, 80, 7)
    assert ctx.host.progressed[-1] == (2, 2, "steps")
    preview = cv2.imread(str(ctx.host.previews[0]))
    assert preview.shape == (320, 256, 3) and preview.std() > 0
    assert ctx.host.metrics["device_s"] > 0 and ctx.host.metrics["stepped_down"] == 0


def test_a_seed_repeats_an_image_bit_for_bit_and_a_loaded_model_is_not_loaded_again(
    context: Callable[..., Context],
) -> None:
    first, loads = made(context()), LOADED.loads
    assert made(context()) == first
    assert made(context(seed=8)) != first
    assert LOADED.loads == loads
    assert made(context(cache=ModelCache())) == first  # loaded afresh


def test_steps_are_the_usual_ones_of_the_model_unless_given(context: Callable[..., Context], models: Path) -> None:
    tiny.install(models, "schnell", partial(tiny.flux, distilled=True))
    for model, steps in (("schnell", 4), ("flux", 28)):
        ctx = context()
        made(ctx, model=model, steps=0, prompt="person " * 300)
        assert ctx.host.progressed[-1] == (steps, steps, "steps")
        assert ("the model reads the first 256" in said(ctx)) == (model == "schnell")


@pytest.mark.parametrize("model", ["sd", "flux"])
def test_a_negative_prompt_changes_the_image(context: Callable[..., Context], model: str) -> None:
    assert made(context(), model=model, negative_prompt="blurred") != made(context(), model=model)


def test_the_stage_prompt_is_used_without_a_prompt_and_a_long_one_is_said(context: Callable[..., Context]) -> None:
    ctx = context()
    staged = {"stage_prompt": "smile " * 90}
    run_locally(image.run, ctx, {**IMAGE, "prompt": "", "prompt_prefix": "studio"}, staged)
    assert "studio, smile smile" in said(ctx)
    assert "the prompt has 94 tokens; the model reads the first 77" in said(ctx)


def test_a_cancelled_job_leaves_between_steps_and_the_model_still_works(context: Callable[..., Context]) -> None:
    before = made(context())
    ctx = context()
    cancel_after(ctx, 1)
    with pytest.raises(Cancelled):
        made(ctx, steps=50)
    assert ctx.host.progressed[-1] == (1, 50, "steps")
    assert made(context()) == before


def cancel_after(ctx: Context, steps: int) -> None:
    class Host(FolderHost):
        def cancelled(self) -> bool:
            return bool(self.progressed) and self.progressed[-1][0] >= steps

    ctx.host = Host(ctx.host.folder)


def test_a_lora_at_strength_0_is_the_base_at_1_it_differs_and_it_leaves_no_trace(
    context: Callable[..., Context], models: Path
) -> None:
    ctx = context()
    base, called = made(ctx), made(ctx, prompt="sks, portrait person")
    file = lora(ctx, models / "sd", "unet", trigger="sks")
    assert made(ctx, lora=file, lora_strength=0) == base
    assert "sks" not in said(ctx).split("made with seed")[-1]
    whole = made(ctx, lora=file)
    assert whole not in (base, called)
    assert "sks, portrait person" in said(ctx).split("made with seed")[-1]
    assert made(ctx, lora=file, lora_strength=0.5) not in (whole, called)
    assert made(ctx) == base


def test_an_image_of_values_that_are_not_numbers_is_an_error_and_no_black_image(
    context: Callable[..., Context], models: Path
) -> None:
    ctx = context()
    with pytest.raises(WorkbenchError, match="not numbers") as raised:
        made(ctx, lora=lora(ctx, models / "sd", "unet", size=1e20))
    assert "a weaker LoRA" in raised.value.remedy


def test_an_image_without_a_whole_face_is_made_again_with_the_next_seed(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pixels of the second seed are replaced by a real portrait, because random weights paint no faces."""
    ctx = context()
    person = cv2.imread(str(sample_portrait(ctx.workdir)))[..., ::-1]
    make = image_of_the_model()

    def with_a_person(self: Any, seed: int) -> tuple[NDArray[Any], str]:
        rgb, withheld = make(self, seed)
        return (np.ascontiguousarray(person) if seed == 8 else rgb), withheld

    monkeypatch.setattr("nodes.generate._image_models.ImageModel.make", with_a_person)
    result = run_locally(image.run, ctx, {**IMAGE, "face": True, "tries": 3}, {})
    assert result.seed == 8
    assert "seed 7: no face of a person was found" in said(ctx)
    assert ctx.host.metrics["tries"] == 2


def image_of_the_model() -> Callable[..., tuple[NDArray[Any], str]]:
    from nodes.generate._image_models import ImageModel

    return ImageModel.make


def test_if_no_seed_shows_a_face_the_node_fails_and_says_what_it_tried(context: Callable[..., Context]) -> None:
    with pytest.raises(WorkbenchError, match="no image shows one whole face") as raised:
        run_locally(image.run, context(), {**IMAGE, "face": True, "tries": 2}, {})
    assert raised.value.seen == "2 tried, from seed 7 on; the last: no face of a person was found"
    assert "face=false" in raised.value.remedy


def test_an_image_that_the_models_safety_checker_withholds_is_an_error_and_no_black_image(
    context: Callable[..., Context], models: Path
) -> None:
    tiny.install(models, "withholds", tiny.stable_diffusion_that_withholds)
    with pytest.raises(WorkbenchError, match="the model withheld the image") as raised:
        made(context(), model="withholds")
    assert raised.value.seen == "seed 7: the model's safety checker withheld it"


def test_two_faces_or_a_cut_face_are_not_one_whole_face(tmp_path: Path) -> None:
    from nodes._face import measured_faces
    from nodes.generate._whole_face import what_is_wrong

    rgb = portrait_pixels(tmp_path)
    assert what_is_wrong(measured_faces(rgb)) == ""
    assert what_is_wrong(measured_faces(np.hstack([rgb, rgb]))) == "it shows 2 faces"
    assert "the face is cut off" in what_is_wrong(measured_faces(np.ascontiguousarray(rgb[:, 230:])))


def portrait_pixels(folder: Path) -> NDArray[Any]:
    return np.ascontiguousarray(cv2.imread(str(sample_portrait(folder)))[..., ::-1])


@pytest.mark.parametrize(("width", "height"), [(1024, 576), (320, 832), (512, 512)])
def test_a_portrait_is_fitted_to_any_aspect_with_its_face_whole(tmp_path: Path, width: int, height: int) -> None:
    from nodes._face import measured_faces
    from nodes.generate._whole_face import fitted, what_is_wrong

    rgb = portrait_pixels(tmp_path)
    for fit in ("auto", "pad"):
        frame, _ = fitted(rgb, width, height, measured_faces(rgb)[0], fit)
        assert frame.shape == (height, width, 3)
        assert what_is_wrong(measured_faces(frame)) == ""


@pytest.mark.parametrize(
    ("node", "params", "part"), [(svd, SVD, "unet"), (wan_i2v, WAN, "transformer")], ids=["svd", "wan"]
)
def test_a_portrait_becomes_a_clip_which_a_lora_changes_unless_its_strength_is_0(
    context: Callable[..., Context], models: Path, node: Any, params: dict[str, Any], part: str
) -> None:
    ctx = context()
    inputs = {"image": portrait(ctx)}
    result = run_locally(node.run, ctx, params, inputs)
    video = result.video
    assert (video.width, video.height, video.frames, video.fps) == (64, 64, params["frames"], result.fps)
    assert result.frames == params["frames"]
    assert (1, 1, "steps") in ctx.host.progressed and ctx.host.previews
    assert ctx.host.metrics["face_in_frame"] == 0  # noise
    assert f"{params['frames']} of {params['frames']} frames do not show the whole face" in said(ctx)
    inputs["lora"] = lora(ctx, models / params["model"], part)
    strong, none = (
        run_locally(node.run, ctx, {**params, "lora_strength": strength}, inputs).video.sha256 for strength in (1, 0)
    )
    assert none == video.sha256 != strong  # bit for bit


def test_frames_that_lose_the_face_are_counted(context: Callable[..., Context], tmp_path: Path) -> None:
    from nodes._face import load_face_models
    from nodes.generate._whole_face import look_through

    ctx, rgb = context(), portrait_pixels(tmp_path)
    frames = [rgb, rgb, np.ascontiguousarray(rgb[:, 230:]), np.zeros_like(rgb)]
    assert look_through(ctx, frames, load_face_models()) == 0.5
    assert "2 of 4 frames do not show the whole face, the first is frame 2" in said(ctx)


def test_offloading_changes_no_bit_and_can_be_changed_between_jobs_with_and_without_a_lora(
    context: Callable[..., Context], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, where nothing is offloaded unless forced: the hooks move networks from the CPU to the CPU."""
    ctx = context()
    inputs = {"image": portrait(ctx)}
    with_lora = {**inputs, "lora": lora(ctx, models / "svd", "unet")}

    def clip(given: dict[str, Any]) -> str:
        return run_locally(svd.run, ctx, {**SVD, "frames": 2}, given).video.sha256

    prepare, placed = LoadedPipeline.prepare, []
    monkeypatch.setattr(
        LoadedPipeline,
        "prepare",
        lambda self, plan, compiled: (prepare(self, plan, compiled), placed.append(self._placed)),
    )
    base, changed = clip(inputs), clip(with_lora)
    for offload, given, expected in (
        ("sequential", with_lora, changed),
        ("model", with_lora, changed),
        ("none", inputs, base),
    ):
        monkeypatch.setattr("nodes._torch.pipeline.choose_offload", lambda *_, offload=offload: offload)
        assert clip(given) == expected, offload
    assert placed == ["none", "none", "sequential", "model", "none"]


def test_a_portrait_without_a_face_is_refused_before_the_model_is_loaded(context: Callable[..., Context]) -> None:
    ctx = context(cache=ModelCache())
    blank = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    with pytest.raises(WorkbenchError, match="no face of a person"):
        run_locally(svd.run, ctx, SVD, {"image": ctx.save(blank, "image")})
    assert "loading diffusers" not in said(ctx)


@pytest.fixture
def broken(models: Path, tmp_path: Path) -> Iterator[Callable[[Callable[[Path], None]], Path]]:
    """A models folder whose one model has been changed, and recorded as if it had been installed like that."""

    def make(change: Callable[[Path], None]) -> Path:
        folder = tmp_path / "broken" / "sd"
        shutil.copytree(models / "sd", folder)
        change(folder)
        record(folder)
        return folder.parent

    yield make


def with_pickle(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04.")


def without_network(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def truncated(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def of_unknown_class(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "SomeOtherPipeline"}))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (with_pickle, "node.bad_input", "pickle files"),
        (without_network, "model.damaged", "not complete"),
        (truncated, "model.damaged", "not complete"),
        (of_unknown_class, "node.bad_input", "of a kind that this node cannot run"),
    ],
)
def test_a_model_that_must_not_or_cannot_be_loaded_is_refused_before_it_is(
    context: Callable[..., Context],
    broken: Callable[..., Path],
    change: Callable[[Path], None],
    code: str,
    message: str,
) -> None:
    ctx = context(folder=broken(change), cache=ModelCache())
    with pytest.raises(WorkbenchError, match=message) as raised:
        made(ctx)
    assert raised.value.code == code
    assert "loading diffusers" not in said(ctx)


def in_half_precision_and_shards(folder: Path) -> None:
    """The layout of large published models: two files a network, only in half precision."""
    import diffusers

    pipe = diffusers.StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, dtype=torch.float16)
    shutil.rmtree(folder)
    pipe.save_pretrained(folder, variant="fp16", max_shard_size="1MB")


def test_files_of_half_precision_in_shards_are_loaded_and_a_missing_shard_is_noticed(
    context: Callable[..., Context], broken: Callable[..., Path]
) -> None:
    folder = broken(in_half_precision_and_shards)
    assert made(context(folder=folder, cache=ModelCache()))
    next((folder / "sd" / "unet").glob("*fp16-00002-of*")).unlink()
    record(folder / "sd")
    with pytest.raises(WorkbenchError, match="not complete") as raised:
        made(context(folder=folder, cache=ModelCache()))
    assert "00002-of" in raised.value.seen
    next((folder / "sd" / "unet").glob("*.index*.json")).write_text("{}")
    record(folder / "sd")
    with pytest.raises(WorkbenchError, match="not complete") as raised:
        made(context(folder=folder, cache=ModelCache()))
    assert raised.value.seen == "no weight_map"


def test_a_model_for_video_is_refused_by_the_node_for_images(context: Callable[..., Context]) -> None:
    with pytest.raises(WorkbenchError, match="of a kind that this node cannot run") as raised:
        made(context(), model="svd")
    assert raised.value.allowed == "FluxPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline"


def test_a_size_that_does_not_suit_the_model_is_refused(context: Callable[..., Context]) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        made(context(), width=68)
    with pytest.raises(WorkbenchError, match="`frames` does not suit the model wan"):
        ctx = context()
        run_locally(wan_i2v.run, ctx, {**WAN, "frames": 6}, {"image": portrait(ctx)})


def test_what_cannot_fit_the_memory_is_refused_before_the_model_is_loaded(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodes._torch.memory.free_gib", lambda device: 0.01)
    ctx = context(cache=ModelCache())
    with pytest.raises(WorkbenchError, match="cannot run at this size") as raised:
        made(ctx, width=2048, height=2048)
    assert raised.value.code == "node.out_of_memory"
    assert raised.value.allowed == "0.01 GiB, which are free"
    assert "weights on cpu" not in said(ctx)


def test_offload_is_chosen_by_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    from nodes._torch.memory import Need, choose_offload

    need = Need({"unet": 5.0, "text_encoder": 3.0, "vae": 0.2}, denoising=1.0, decoding=2.0)
    card = torch.device("cuda:0")
    for free, chosen in ((10.3, "none"), (10.1, "model"), (6.1, "model"), (5.9, "sequential"), (2.1, "sequential")):
        monkeypatch.setattr("nodes._torch.memory.free_gib", lambda device, free=free: free)
        assert choose_offload(need, card, "auto") == chosen
    with pytest.raises(WorkbenchError, match="cannot run") as raised:
        choose_offload(need, card, "none")  # of 2.1 GiB
    assert "offload=auto needs less" in raised.value.remedy


@pytest.mark.parametrize(
    ("trigger", "described", "prompt"),
    [
        ("sks", "two desks", "sks, portrait, two desks"),
        ("sks", "a photo of SKS, smiling", "portrait, a photo of SKS, smiling"),
        ("ada-1", "a photo of ada-1", "portrait, a photo of ada-1"),
        ("", "two desks", "portrait, two desks"),
    ],
)
def test_the_trigger_word_is_added_unless_the_prompt_has_it_as_a_word(
    trigger: str, described: str, prompt: str
) -> None:
    loaded = LoadedPipeline(None, torch.device("cpu"), LatentPreview(np.zeros((5, 3)), 1.0), "none", trigger=trigger)
    assert loaded.prompt("portrait", described) == prompt


def test_a_loaded_model_makes_room_for_another_where_both_do_not_fit(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ModelCache()
    monkeypatch.setattr("nodes._torch.pipeline.free_gib", lambda device: 0.0 if in_memory(cache) == ["sd"] else 64.0)
    made(context(cache=cache))
    made(context(cache=cache), model="sdxl")
    assert in_memory(cache) == ["sdxl"]
    made(context(cache=cache))
    assert in_memory(cache) == ["sdxl", "sd"]


def in_memory(cache: ModelCache) -> list[str]:
    return [key.split("/")[1] for key in cache.keys if key.startswith("diffusers/")]


def run_out_of_memory(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """A decoder that raises what torch raises when a card is full, a number of times: a fake, there is no card here."""
    prepare, chunks = LoadedPipeline.prepare, []

    def prepared(self: LoadedPipeline, plan: Any, compiled: bool) -> None:
        prepare(self, plan, compiled)
        chunks.append(plan.chunk)
        if len(chunks) <= times:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(LoadedPipeline, "prepare", prepared)
    return chunks


def test_out_of_memory_steps_down_once_and_says_so(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = context()
    chunks = run_out_of_memory(monkeypatch, times=1)
    run_locally(svd.run, ctx, SVD, {"image": portrait(ctx)})
    assert chunks == [2, 1]
    assert ctx.host.metrics["stepped_down"] == 1
    assert "out of memory with offload none, 2 frames decoded at once; from here on offload none, 1 frames" in said(ctx)


def test_a_step_down_holds_for_the_further_tries_of_an_image(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights show no face, so that both seeds are tried."""
    ctx = context()
    chunks = run_out_of_memory(monkeypatch, times=1)
    with pytest.raises(WorkbenchError, match="no image shows one whole face"):
        run_locally(image.run, ctx, {**IMAGE, "face": True, "tries": 2}, {})
    assert len(chunks) == 3, "only the first seed is tried with the larger load"
    assert ctx.host.metrics["stepped_down"] == 1


def test_out_of_memory_twice_fails_with_what_was_tried(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = context()
    chunks = run_out_of_memory(monkeypatch, times=2)
    with pytest.raises(WorkbenchError, match="memory of cpu does not suffice") as raised:
        run_locally(svd.run, ctx, SVD, {"image": portrait(ctx)})
    assert (raised.value.code, chunks) == ("node.out_of_memory", [2, 1])
    assert "2 frames decoded at once; then offload none, 1 frames" in raised.value.seen


def test_a_preview_shows_the_colours_of_an_encoder_that_is_linear() -> None:
    class Linear(torch.nn.Module):
        """An autoencoder whose four channels are mixed of red, green and blue, at an eighth of the size."""

        config = type("Config", (), {"block_out_channels": (1, 1, 1, 1), "scaling_factor": 0.2, "shift_factor": 0.5})
        dtype = torch.float32

        def encode(self, image: torch.Tensor) -> Any:
            mix = torch.tensor([[1.0, 2, 0], [0, 1, -1], [3, 0, 1], [0, 0, 2]])
            small = torch.nn.functional.avg_pool2d(image, 8)
            latents = torch.einsum("cr,brhw->bchw", mix, small) + 1.5
            mode = type("Distribution", (), {"mode": lambda _: latents})
            return type("Output", (), {"latent_dist": mode()})

    vae = Linear()
    preview = fit_preview(vae, torch.device("cpu"))
    colours = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    image = colours.repeat_interleave(8, 2).repeat_interleave(8, 3)
    latents = (vae.encode(image * 2 - 1).latent_dist.mode() - 0.5) * 0.2
    difference = preview.rgb(latents[0]) / 255 - colours[0].movedim(0, -1).numpy()
    assert np.abs(difference).max() < 0.01
