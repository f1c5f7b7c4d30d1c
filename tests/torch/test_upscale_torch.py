"""generate.upscale_video_torch, on networks with few random weights."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from nodes._face import shared_face_models
from nodes._samples import sample_portrait
from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.context import Cancelled
from nodes.generate import _part_encoder, upscale_video, upscale_video_torch
from nodes.generate._clips import ClipWriter, frames
from nodes.generate._part_layout import Cut
from nodes.generate._restoration import batches, face_restorer, upscaler
from nodes.generate._restoration.alignment import to_square
from nodes.generate._restoration.landmarks import landmarks_of_faces
from nodes.local import FolderHost, local_context, run_locally
from nodes.sdk import NodeError
from tests.nodes.pieces import as_input, clip_in_pieces, saved
from tests.torch import tiny_restoration as tiny

FPS = Fraction(25)
SIDE = 128  # of the squares for faces; 512 takes 16 times as long


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    import_spandrel()
    tiny.install(folder, "span", tiny.span())
    tiny.install(folder, "compact", tiny.compact(), ".pth")
    tiny.install(folder, "esrgan", tiny.esrgan(4))
    tiny.install(folder, "restoreformer", tiny.restoreformer())
    return folder


@pytest.fixture(scope="module")
def face() -> NDArray[Any]:
    """A 192 x 192 portrait."""
    return portrait(192)


def portrait(side: int) -> NDArray[Any]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Image.open(sample_portrait(Path(folder))) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def moving(face: NDArray[Any]) -> list[NDArray[Any]]:
    """Ten frames of a moving face, 160 x 160."""
    return [face[8:168, 2 * i : 2 * i + 160].copy() for i in range(10)]


@pytest.fixture(scope="module")
def noise() -> list[NDArray[Any]]:
    """Ten frames without a face, 48 x 36; each has another brightness."""
    chance = np.random.default_rng(0)
    base = chance.integers(0, 100, (36, 48, 3))
    return [(base + 15 * i).astype(np.uint8) for i in range(10)]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscale_video_torch, "CUT", Cut(3, 4))
    monkeypatch.setattr(face_restorer, "SIDE", SIDE)


def run(
    folder: Path, models: Path, video: Any, parts: Any = (), host: FolderHost | None = None, **params: Any
) -> tuple[Any, Any]:
    """``video``: frames, or an input in parts."""
    ctx = local_context(folder / "store", parts=parts, settings={"models": str(models)})
    if isinstance(video, list):
        video = saved(ctx, video, FPS, folder / "input.mp4")
    if host is not None:
        ctx.host = host
    given = {"model": "span", "device": "cpu", "crf": 0, **params}
    return run_locally(upscale_video_torch.run, ctx, given, {"video": video}), ctx


def made(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[Any]]:
    """The frames as the encoder gets them."""
    seen: list[NDArray[Any]] = []
    add = _part_encoder.PartEncoder.add

    def watched(self: Any, rgb: NDArray[Any]) -> None:
        seen.append(rgb)
        add(self, rgb)

    monkeypatch.setattr(_part_encoder.PartEncoder, "add", watched)
    return seen


def plain(models: Path, name: str, images: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """What a script makes frame by frame with spandrel alone."""
    (path,) = [path for path in (models / name).iterdir() if path.suffix != ".json"]
    network = import_spandrel().ModelLoader().load_from_file(path).eval()
    for rgb in images:
        given = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        yield (network(given)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


# --- the same contract as on the CPU


def test_a_graph_can_take_one_service_in_the_other_s_place() -> None:
    assert upscale_video_torch.Inputs is upscale_video.Inputs
    assert upscale_video_torch.Outputs is upscale_video.Outputs
    shared = upscale_video.Params.model_fields
    assert {name: str(upscale_video_torch.Params.model_fields[name]) for name in shared} == {
        name: str(field) for name, field in shared.items()
    }


@pytest.mark.parametrize(
    ("model", "params", "size", "reached"),
    [
        ("span", {}, (96, 72), 2.0),
        ("compact", {"scale": 4}, (192, 144), 4.0),  # a network that doubles runs twice
        ("esrgan", {"scale": 2}, (96, 72), 2.0),  # one that quadruples is reduced
        ("span", {"scale": 4, "max_side": 120}, (120, 90), 2.5),
    ],
)
def test_a_clip_becomes_larger(
    tmp_path: Path,
    models: Path,
    noise: list[NDArray[Any]],
    model: str,
    params: dict[str, Any],
    size: tuple[int, int],
    reached: float,
) -> None:
    outputs, ctx = run(tmp_path, models, noise[:3], model=model, **params)
    assert (outputs.video.width, outputs.video.height, outputs.scale_reached) == (*size, reached)
    assert ctx.host.metrics["scale_reached"] == reached
    with av.open(str(ctx.open(outputs.video))) as container:
        assert container.streams.video[0].average_rate == FPS and not container.streams.audio
    assert len(list(frames(ctx.open(outputs.video)))) == 3


@pytest.mark.parametrize("model", ["span", "compact"])
@pytest.mark.parametrize("size", [1, 3])
def test_the_frames_are_those_of_a_plain_loop(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], model: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = made(monkeypatch)
    _, ctx = run(tmp_path, models, noise, model=model, batch_size=size)
    expected = list(plain(models, model, frames(tmp_path / "input.mp4")))
    assert len(seen) == len(expected) == 10
    if size == 1:
        assert all(np.array_equal(a, b) for a, b in zip(seen, expected, strict=True)), "bit for bit, in their order"
    worst = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(seen, expected, strict=True))
    assert worst <= 1
    assert ctx.host.metrics["stepped_down"] == 0 and ctx.host.metrics["device_s"] > 0


def test_tiles_have_no_seams(models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    from nodes._torch.device import Device
    from nodes.generate._restoration.checkpoints import load_network

    network = upscaler.Upscaler(load_network(models / "span", "upscaler"), Device(torch.device("cpu"), torch.float32))
    given = torch.from_numpy(np.tile(noise[0], (4, 4, 1)))[None]
    with torch.inference_mode():
        whole = network.enlarge(given, (384, 288), 0)
        assert (network.enlarge(given, (384, 288), 64) - whole).abs().max() < 1e-4
        monkeypatch.setattr(upscaler, "OVERLAP", 0)
        assert (network.enlarge(given, (384, 288), 64) - whole).abs().max() > 0.01, "the overlap is what does it"


# --- parts


@pytest.mark.usefixtures("small_parts")
def test_whole_in_pieces_and_resumed_give_the_same_bytes(
    tmp_path: Path, models: Path, moving: list[NDArray[Any]]
) -> None:
    restored = {"face_model": "restoreformer", "batch_size": 2, "scale": 2, "max_side": 160}
    whole, ctx = run(tmp_path, models, moving, **restored)
    parts = ctx.host.parts
    assert [part["video"]["frames"] for part in parts] == [3, 4, 3]
    assert ctx.host.said[-1] == "faces were restored in 10 of 10 frames"
    pieces = clip_in_pieces(local_context(tmp_path / "store"), moving, (4, 9), FPS)
    for finished in (0, 2, 3):
        again, later = run(tmp_path, models, as_input(pieces), parts=parts[:finished], **restored)
        assert again.video.sha256 == whole.video.sha256
        assert len(later.host.parts) == 3 - finished


@pytest.mark.usefixtures("small_parts")
def test_what_is_finished_is_kept_before_the_node_waits_for_the_next_part(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, ctx = run(tmp_path, models, noise, batch_size=2)
    pieces = clip_in_pieces(local_context(tmp_path / "store"), noise, (3, 7), FPS)
    kept: list[dict[str, Any]] = []
    for ready in (1, 2, 3):
        video = as_input(pieces, ready)
        incoming: Any = video._incoming
        asked, part = [], incoming.part
        host = FolderHost(tmp_path / "store")
        monkeypatch.setattr(
            incoming,
            "part",
            lambda index, part=part, asked=asked, host=host: (asked.append((index, len(host.parts))), part(index))[1],
        )
        if ready < 3:
            with pytest.raises(Cancelled):
                run(tmp_path, models, video, parts=kept, host=host, batch_size=2)
            assert asked[-1] == (ready, 1), "the part was there when the next piece was requested"
        else:
            outputs, _ = run(tmp_path, models, video, parts=kept, host=host, batch_size=2)
            assert outputs.video.sha256 == whole.video.sha256
        kept += host.parts
    assert kept == ctx.host.parts


def test_a_clip_that_is_too_long_is_refused(tmp_path: Path, models: Path, noise: list[NDArray[Any]]) -> None:
    with pytest.raises(NodeError, match="too long") as caught:
        run(tmp_path, models, noise, max_frames=9)
    assert caught.value.seen == "10 frames"


# --- faces


@pytest.mark.usefixtures("small_parts")
def test_a_face_changes_inside_of_its_ellipse_only(
    tmp_path: Path, models: Path, moving: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = made(monkeypatch)
    run(tmp_path / "plain", models, moving[:3])
    run(tmp_path / "faces", models, moving[:3], face_model="restoreformer", face_strength=1)
    run(tmp_path / "none", models, moving[:3], face_model="restoreformer", face_strength=0)
    for index in range(3):
        bare, restored, without = (seen[index + 3 * kind].astype(int) for kind in range(3))
        assert np.array_equal(bare, without)
        rows, columns = np.nonzero((bare != restored).any(2))
        (found,) = landmarks_of_faces(moving[index], shared_face_models())
        inside = to_square(found)(np.stack([columns, rows], 1) / 2 + 0.25)
        radius = np.hypot(*((inside - face_restorer._CENTRE) / face_restorer._RADII).T)
        assert radius.max() < 1.02, "the mean over the frames around moves the ellipse by a hundredth"
        ellipse = np.pi * np.prod(face_restorer._RADII) * (2 / to_square(found).scale) ** 2
        assert len(rows) > 0.7 * ellipse, "and most of it changes"


def test_the_square_of_a_moving_face_is_steady(face: NDArray[Any]) -> None:
    """The face moves evenly, with noise; the square's corners must too."""
    import cv2

    from nodes.generate._restoration.tracks import REACH, steady

    chance, found = np.random.default_rng(1), []
    for index in range(24):
        move = np.float32([[1, 0, 6 - 0.37 * index], [0, 1, 3 - 0.21 * index]])
        moved = cv2.warpAffine(face, move, (180, 180), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        noisy = np.clip(moved + chance.normal(0, 6, moved.shape), 0, 255).astype(np.uint8)
        found.append(landmarks_of_faces(noisy, shared_face_models()))
    assert all(len(faces) == 1 for faces in found)
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])

    def squares(landmarks: list[NDArray[Any]]) -> NDArray[Any]:
        return np.stack([to_square(five).inverse()(corners) for five in landmarks])

    smooth = []
    for at in range(24):
        first = max(0, at - REACH)
        (one,) = steady(found[first : at + REACH + 1], at - first)
        assert one.presence == 1
        smooth.append(one.landmarks)
    raw, kept = squares([faces[0] for faces in found]), squares(smooth)
    inner = slice(REACH, -REACH)
    jitter = [float(np.sqrt((np.diff(way[inner], 2, axis=0) ** 2).sum(-1).mean())) for way in (raw, kept)]
    lag = float(np.linalg.norm((kept - raw)[inner].mean((0, 1))))
    print(f"jitter of the square in px: {jitter[0]:.2f} -> {jitter[1]:.3f}; mean offset {lag:.3f}")
    assert jitter[1] < jitter[0] / 5
    assert lag < 0.1, "and it does not stay behind"
    moved = kept[inner].mean(1)[-1] - kept[inner].mean(1)[0]
    assert np.allclose(moved, [-0.37 * 15, -0.21 * 15], atol=0.6)


def test_a_face_that_a_frame_misses_is_there_and_one_that_vanishes_fades() -> None:
    from nodes.generate._restoration.tracks import steady

    five = np.array([[0.0, 0], [10, 0], [5, 5], [1, 10], [9, 10]])
    window: list[list[NDArray[Any]]] = [[five + step] for step in range(9)]
    window[4] = []
    (bridged,) = steady(window, 4)
    assert bridged.presence == 1 and np.allclose(bridged.landmarks, five + 4)
    vanishing: list[list[NDArray[Any]]] = [[five]] * 5 + [[]] * 4
    shown = [steady(vanishing[max(0, at - 4) : at + 5], at - max(0, at - 4)) for at in range(9)]
    strengths = [faces[0].presence if faces else 0 for faces in shown]
    assert strengths[0] == 1 and strengths == sorted(strengths, reverse=True)
    assert strengths[4] < 0.3 and strengths[5] == 0
    beside = [[five, five + np.array([100, 0])]] * 3
    assert len(steady(beside, 1)) == 2
    assert steady([[], [], [five], [], []], 2) == [], "a face in a single frame is none"


def test_gfpgan_gets_its_own_range_and_the_same_noise_each_time() -> None:
    from nodes._torch.device import Device

    network = tiny.gfpgan()
    restorer = face_restorer.FaceRestorer(network, Device(torch.device("cpu"), torch.float32))
    squares = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        first, second = restorer.restore(squares), restorer.restore(squares)
        signed = network.model(squares * 2 - 1, randomize_noise=False)[0]
        assert torch.equal(first, second)
        assert torch.equal(first, ((signed + 1) / 2).clamp(0, 1))
        assert not torch.equal(network(squares), network(squares)), "spandrel's call draws new noise"


# --- what cannot be used


def test_a_network_for_another_purpose_is_refused_before_the_video_is_read(tmp_path: Path, models: Path) -> None:
    damaged = local_context(tmp_path / "store").save(b"no video", "file")
    video = {**damaged.model_dump(), "kind": "video"}
    for params, where in (
        ({"model": "restoreformer"}, "params.model"),
        ({"face_model": "span"}, "params.face_model"),
    ):
        with pytest.raises(NodeError, match="another purpose") as caught:
            run(tmp_path, models, video, **params)
        assert caught.value.where == where


RAN: list[str] = []


def _run_from_a_file() -> None:
    RAN.append("a program")


class Trojan:
    """Runs when a pickle file is opened without protection."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_run_from_a_file, ())


def _damage(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.full_like(value, float("nan")) for name, value in weights.items()}


@pytest.mark.filterwarnings("ignore:'torch.load' received a zip file that looks like a TorchScript")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", {"params": {"conv_1.sk.weight": Trojan()}}, "more than weights"),
        ("a.pt", "torchscript", "more than weights"),
        ("a.pth", b"<html>404</html>", "is damaged"),
        ("a.pth", b"", "is damaged"),
        ("a.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}", "is damaged"),
        ("a.pth", "cut", "is damaged"),
        ("a.pth", "nan", "is damaged"),
        ("a.pth", "other shape", "is damaged"),
        ("a.pth", {"epoch": 3}, "is damaged"),
        ("a.pth", {"fc.weight": torch.zeros(2, 2)}, "not supported"),
        ("readme.txt", b"", "not one file"),
        ("a.pth", "codeformer", "accept its licence"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: Any, message: str) -> None:
    folder = tmp_path / "models" / "bad"
    folder.mkdir(parents=True)
    path, weights = folder / name, tiny.compact().state_dict()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "torchscript":
        with zipfile.ZipFile(path, "w") as archive:  # by these names torch knows one; making one costs four seconds
            for record in ("version", "data.pkl", "constants.pkl"):
                archive.writestr(f"a/{record}", b"3")
    elif content == "cut":
        torch.save(weights, path)
        path.write_bytes(path.read_bytes()[:2000])
    else:
        named = {
            "nan": _damage(weights),
            "other shape": {**weights, "body.2.weight": torch.zeros(8, 7, 3, 3)},
            "codeformer": {key: torch.zeros(1) for key in ("position_emb", "idx_pred_layer.1.weight")}
            | {"quantize.embedding.weight": torch.zeros(1)},
        }
        torch.save(named[content] if isinstance(content, str) else content, path)
    tiny.record(folder)
    video = local_context(tmp_path / "store").save(b"no video", "file").model_dump() | {"kind": "video"}
    with pytest.raises(NodeError, match=message) as caught:
        run(tmp_path, tmp_path / "models", video, model="bad")
    assert caught.value.where and caught.value.seen and caught.value.remedy and not RAN


def test_a_trojan_runs_where_nothing_protects(tmp_path: Path) -> None:
    """So that the refusal above means something."""
    torch.save(Trojan(), tmp_path / "a.pth")
    torch.load(tmp_path / "a.pth", weights_only=False)
    assert RAN.pop() == "a program"


# --- threads and memory


def test_the_next_frames_are_read_while_the_device_computes(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, enlarge = batches.IncomingClip.frames, upscaler.Upscaler.enlarge
    far, waited = threading.Event(), []

    def watched(self: Any, start: int) -> Iterator[NDArray[Any]]:
        for number, rgb in enumerate(read(self, start)):
            if number == 4:  # in the second batch
                far.set()
            yield rgb

    def slow(self: Any, some: torch.Tensor, size: tuple[int, int], tile: int) -> torch.Tensor:
        waited.append(far.wait(20))
        return enlarge(self, some, size, tile)

    monkeypatch.setattr(batches.IncomingClip, "frames", watched)
    monkeypatch.setattr(upscaler.Upscaler, "enlarge", slow)
    run(tmp_path, models, noise, batch_size=2)
    assert all(waited) and len(waited) == 5


def test_an_error_in_the_reading_thread_reaches_the_caller_after_the_frames_before_it(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = made(monkeypatch)
    read = batches.IncomingClip.frames

    def broken(self: Any, start: int) -> Iterator[NDArray[Any]]:
        for number, rgb in enumerate(read(self, start)):
            if number == 5:
                raise OSError("the disk is gone")
            yield rgb

    monkeypatch.setattr(batches.IncomingClip, "frames", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        run(tmp_path, models, noise, batch_size=2)
    assert len(seen) == 4


@pytest.mark.usefixtures("small_parts")
def test_an_error_of_the_encoder_and_a_cancelled_job_end_the_reading_thread(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stops(FolderHost):
        def cancelled(self) -> bool:
            return len(self.parts) > 0

    with pytest.raises(Cancelled):
        run(tmp_path / "a", models, noise, host=Stops(tmp_path / "a" / "store"), batch_size=1)

    def full(self: Any, rgb: NDArray[Any]) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(ClipWriter, "add", full)
    with pytest.raises(OSError, match="no space left"):
        clip = local_context(tmp_path / "store")
        with av.open(str(tmp_path / "b.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "0"})
            stream.width, stream.height, stream.pix_fmt = 48, 36, "yuv420p"
            for rgb in noise:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            container.mux(stream.encode(None))
        run(tmp_path, models, clip.save(tmp_path / "b.mp4", "video"), batch_size=1)


def test_out_of_memory_is_one_recorded_step_down_and_then_a_clear_error(
    tmp_path: Path, models: Path, noise: list[NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake at the edge: this machine has no GPU whose memory could run out, so the network raises torch's error."""
    enlarge, most = upscaler.Upscaler.enlarge, 2

    def little_memory(self: Any, some: torch.Tensor, size: tuple[int, int], tile: int) -> torch.Tensor:
        if len(some) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return enlarge(self, some, size, tile)

    monkeypatch.setattr(upscaler.Upscaler, "enlarge", little_memory)
    seen = made(monkeypatch)
    outputs, ctx = run(tmp_path / "less", models, noise, batch_size=4)
    assert outputs.video.frames == 10 and len(seen) == 10
    assert ctx.host.metrics["stepped_down"] == 1
    assert ctx.host.said[-1] == (
        "out of memory with 4 frames at once, whole frames; from here on 2 frames at once, whole frames"
    )
    most = 0
    with pytest.raises(NodeError) as caught:
        run(tmp_path / "none", models, noise, batch_size=4)
    assert caught.value.code == "node.out_of_memory"
    assert "1 frames at once, tiles of 256 px: CUDA out of memory" in caught.value.seen
