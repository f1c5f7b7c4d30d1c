"""generate.wav2lip on the CPU: the network and its checkpoints, and the node on a tiny network with random weights."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nodes._samples import sample_portrait
from nodes._torch.checkpoint_file import only_file
from nodes._torch.device import Device
from nodes.context import Cancelled
from nodes.generate import _video_parts, wav2lip
from nodes.generate._part_layout import Cut
from nodes.generate._wav2lip import checkpoint, speaking
from nodes.generate._wav2lip.blending import Blending, mouth_mask
from nodes.generate._wav2lip.footage import Still
from nodes.generate._wav2lip.lips import Lips
from nodes.generate._wav2lip.network import Wav2Lip
from nodes.generate._wav2lip.smoothing import Box
from nodes.local import local_context, run_locally
from nodes.sdk import AudioRef, InParts, NodeError, VideoRef
from nodes.weights import record
from tests.nodes.pieces import Pieces, as_input, clip_in_pieces, saved
from tests.nodes.swaying import swaying
from tests.torch.tiny_wav2lip import WIDTH, deaf, install, tiny

FPS = Fraction(25)
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    install(folder, "tiny", tiny())
    install(folder, "deaf", deaf(tiny()))
    return folder


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(14, 256, 256, 3) uint8: a face that sways."""
    return swaying(tmp_path_factory.mktemp("face"), 14, 6.0)[0]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are of the tiny network, and parts are short."""
    monkeypatch.setattr(checkpoint, "Wav2Lip", partial(Wav2Lip, WIDTH))
    for module in (_video_parts, speaking):
        monkeypatch.setattr(module, "CUT", Cut(first=5, later=8))
    monkeypatch.setattr(_video_parts.make_parts, "__defaults__", (Cut(first=5, later=8),))


def sound(seconds: float, seed: int = 1) -> Any:
    """Syllables of noise."""
    rng, count = np.random.default_rng(seed), round(seconds * RATE_HZ)
    loudness = np.repeat(rng.uniform(0, 0.5, count // 1600 + 1), 1600)[:count]
    return loudness * rng.uniform(-1, 1, count)


def wav(samples: Any) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


class Node:
    """Runs the node on artifacts in a folder."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder, self.settings = folder, {"models": str(models)}
        self.ctx = self.context()

    def context(self, parts: Any = ()) -> Any:
        return local_context(self.folder / "store", settings=self.settings, parts=parts)

    def clip(self, frames: Any) -> Any:
        return saved(self.ctx, frames, FPS, self.folder / "clip.mp4")

    def audio(self, samples: Any) -> AudioRef:
        return self.ctx.save(wav(samples), "audio")

    def run(self, parts: Any = (), model: str = "tiny", params: dict[str, Any] | None = None, **inputs: Any) -> Any:
        self.ctx = self.context(parts)
        return run_locally(wav2lip.run, self.ctx, {"model": model, "device": "cpu", **(params or {})}, inputs)


@pytest.fixture
def node(tmp_path: Path, models: Path) -> Node:
    return Node(tmp_path, models)


# ---- the network


def test_the_network_has_the_published_shapes_and_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Wav2Lip().eval().requires_grad_(False)
    weights = network.state_dict()
    assert len(weights) == 352 and sum(one.numel() for one in network.parameters()) == 36_298_035
    for name, shape in {
        "face_encoder_blocks.0.0.conv_block.0.weight": (16, 6, 7, 7),
        "face_encoder_blocks.2.3.conv_block.1.running_var": (64,),
        "face_encoder_blocks.6.1.conv_block.0.weight": (512, 512, 1, 1),
        "audio_encoder.9.conv_block.0.weight": (256, 128, 3, 3),
        "audio_encoder.12.conv_block.0.bias": (512,),
        "face_decoder_blocks.1.0.conv_block.0.weight": (1024, 512, 3, 3),
        "face_decoder_blocks.3.2.conv_block.0.weight": (384, 384, 3, 3),
        "face_decoder_blocks.6.0.conv_block.0.weight": (160, 64, 3, 3),
        "output_block.0.conv_block.1.num_batches_tracked": (),
        "output_block.1.weight": (3, 32, 1, 1),
    }.items():
        assert tuple(weights[name].shape) == shape, name

    seen: dict[str, list[tuple[int, ...]]] = {}
    for stage in ("face_encoder_blocks", "audio_encoder", "face_decoder_blocks"):
        for block in getattr(network, stage):
            block.register_forward_hook(
                lambda _, __, out, stage=stage: seen.setdefault(stage, []).append(tuple(out.shape[1:]))
            )
    painted = network(torch.randn(1, 1, 80, 16), torch.rand(1, 6, 96, 96))
    assert painted.shape == (1, 3, 96, 96) and 0 <= painted.min() < painted.max() <= 1
    sides = [96, 48, 24, 12, 6, 3, 1]
    assert seen["face_encoder_blocks"] == list(zip((16, 32, 64, 128, 256, 512, 512), sides, sides, strict=True))
    assert seen["face_decoder_blocks"] == list(
        zip((512, 512, 512, 384, 256, 128, 64), sides[::-1], sides[::-1], strict=True)
    )
    heard = seen["audio_encoder"]
    assert [heard[at] for at in (0, 3, 6, 9, 11, 12)] == [
        (32, 80, 16),
        (64, 27, 16),
        (128, 9, 6),
        (256, 3, 3),
        (512, 1, 1),
        (512, 1, 1),
    ]


def test_checkpoints_load_as_published_and_as_converted(tmp_path: Path, models: Path) -> None:
    weights = tiny().state_dict()
    converted = {name: tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}
    save_file({name: tensor.half() for name, tensor in converted.items()}, tmp_path / "converted.safetensors")
    torch.save(weights, tmp_path / "bare.pt")
    published = checkpoint.load(only_file(models / "tiny"))
    given = torch.randn(2, 1, 80, 16), torch.rand(2, 6, 96, 96)
    expected = tiny()(*given)
    assert torch.equal(published(*given), expected) and not published.training
    assert torch.equal(checkpoint.load(tmp_path / "bare.pt")(*given), expected)
    assert torch.allclose(checkpoint.load(tmp_path / "converted.safetensors")(*given), expected, atol=0.02)


class Trojan:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("trojan-was-here"),)


@pytest.mark.parametrize(
    ("change", "message", "seen"),
    [
        (
            lambda weights: weights.pop("output_block.1.bias"),
            "not one of this network",
            "missing: output_block.1.bias",
        ),
        (
            lambda weights: weights.update({f"head.{at}": torch.zeros(1) for at in range(5)}),
            "not one of this network",
            "unexpected: head.0, head.1, head.2 and 2 more",
        ),
        (
            lambda weights: weights.update({"output_block.1.bias": torch.zeros(4)}),
            "not one of this network",
            "of another shape: output_block.1.bias is 4 instead of 3",
        ),
        (
            lambda weights: weights["output_block.1.bias"].fill_(torch.nan),
            "damaged",
            "values that are not finite, in output_block.1.bias",
        ),
        (lambda weights: weights.update({"epoch": "last"}), "not one of this network", "no weights: epoch"),
        (lambda weights: weights.update({"head": Trojan()}), "contains more than weights", "a reference to getattr"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_before_a_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, message: str, seen: str
) -> None:
    monkeypatch.chdir(tmp_path)
    install(tmp_path / "models", "other", tiny())
    path = tmp_path / "models/other/other.pth"
    weights = tiny().state_dict()
    change(weights)
    torch.save(weights, path)
    record(path.parent)
    node = Node(tmp_path, tmp_path / "models")
    file = node.ctx.save(b"no frame can be decoded", "file")
    not_a_video = VideoRef(sha256=file.sha256, size_bytes=file.size_bytes, media_type="video/mp4")
    with pytest.raises(NodeError, match=message) as caught:
        node.run(model="other", video=not_a_video, audio=node.audio(sound(0.2)))
    assert seen in caught.value.seen and caught.value.where == "params.model: other/other.pth"
    assert not (tmp_path / "trojan-was-here").exists()


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "page.pth", "page.safetensors", "empty.pt"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(tiny().state_dict(), path)
    else:
        torch.save(tiny().state_dict(), path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "page": b"<html>not found</html>", "empty": b""}[path.stem])
    with pytest.raises(NodeError, match="the checkpoint is damaged") as caught:
        checkpoint.load(only_file(tmp_path))
    assert caught.value.seen and "weights_only" not in str(caught.value), "torch's advice is to run it"


def test_a_model_of_several_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(NodeError, match="not one file of weights"):
        only_file(tmp_path)
    (tmp_path / "a.safetensors").touch()
    assert only_file(tmp_path).name == "a.safetensors"


# ---- batches and memory


class Crowded:
    """Runs out of memory with more than so many faces, as CUDA says it."""

    def __init__(self, most: int) -> None:
        self.most, self.batches = most, list[int]()

    def __call__(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(faces))
        if len(faces) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return faces[:, 3:]


def test_out_of_memory_it_takes_a_quarter_of_the_batch_once(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (9, 96, 96, 3)).astype(np.uint8)
    heard, ctx = np.zeros((9, 80, 16), np.float32), local_context(tmp_path)
    on = Device(torch.device("cpu"), torch.float32)
    network: Any = Crowded(2)
    painted = Lips(ctx, network, on, 8).painted(faces, heard)
    assert network.batches == [8, 2, 2, 2, 2, 1] and np.allclose(painted, faces, atol=1e-3)
    assert ctx.host.said == ["out of memory with 8 faces at once; from here on 2 faces at once"]
    with pytest.raises(NodeError, match="does not suffice") as caught:
        Lips(ctx, Crowded(1), on, 8).painted(faces, heard)  # type: ignore[arg-type]
    assert caught.value.seen == "out of memory with 8 faces at once; then 2 faces at once: CUDA out of memory"
    assert caught.value.code == "node.out_of_memory"


def test_the_network_sees_the_face_in_bgr_without_its_lower_half(tmp_path: Path) -> None:
    class Watching:
        def __call__(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
            self.faces = faces
            return faces[:, 3:]

    rgb = np.zeros((1, 96, 96, 3), np.uint8)
    rgb[..., 0] = 255
    network: Any = Watching()
    painted = Lips(local_context(tmp_path), network, Device(torch.device("cpu"), torch.float32), 4).painted(
        rgb, np.zeros((1, 80, 16), np.float32)
    )
    means = network.faces[0].reshape(6, 2, -1).mean(2)  # by channel, upper and lower half
    assert means.tolist() == [[0, 0], [0, 0], [1, 0], [0, 0], [0, 0], [1, 1]]
    assert np.array_equal(painted, rgb)


# ---- the mouth and the sound


def mouths(tmp_path: Path, network: Wav2Lip, samples: Any) -> tuple[Any, Any]:
    """The frames of a still before encoding, and the still."""
    from nodes.generate._audio_blocks import AudioReader
    from nodes.generate._wav2lip.hearing import Hearing

    rgb = np.random.default_rng(0).integers(0, 256, (200, 160, 3)).astype(np.uint8)
    ctx = local_context(tmp_path)
    audio = ctx.save(wav(samples), "audio")
    lips = Lips(ctx, network, Device(torch.device("cpu"), torch.float32), 4)
    box = Box(20.3, 30.6, 130.9, 180.2)
    made = speaking.Speaking(
        ctx,
        Still(rgb, box, FPS),
        Hearing(AudioReader([audio], ctx.open), FPS),
        lips,
        Blending(mouth_mask(0.1, mouth_only=True), match_colour=True),
    )
    return np.stack(list(made.frames(InParts(audio)))), rgb


def test_the_mouth_follows_the_sound_and_nothing_else_changes(tmp_path: Path) -> None:
    frames, rgb = mouths(tmp_path, tiny(), sound(0.5))
    again, _ = mouths(tmp_path, tiny(), sound(0.5))
    others, _ = mouths(tmp_path, tiny(), sound(0.5, seed=9))
    assert frames.shape == (13, 200, 160, 3) and np.array_equal(frames, again)
    y, x = np.mgrid[:200, :160] + 0.5
    across, down = (x - 20.3) / 110.6, (y - 30.6) / 149.6
    mouth = np.hypot((across - 0.5) / 0.42, (down - 0.77) / 0.25) < 1
    for made in (frames, others):
        assert (made[:, ~mouth] == rgb[~mouth]).all(), "the same bits outside the mouth"
        assert (made[:, mouth] != rgb[mouth]).mean() > 0.5
    assert np.abs(frames.astype(int) - others)[:, mouth].mean() > 1, "another sound, another mouth"
    assert np.abs(np.diff(frames[:, mouth].astype(int), axis=0)).mean() > 1, "it moves"


def test_without_the_path_of_the_sound_the_mouth_is_the_same_for_every_sound(tmp_path: Path) -> None:
    frames, _ = mouths(tmp_path, deaf(tiny()), sound(0.5))
    others, _ = mouths(tmp_path, deaf(tiny()), sound(0.5, seed=9))
    assert np.array_equal(frames, others)
    full, rest = frames[:12], frames[12:].astype(int)  # in batches of four; a smaller batch adds in another order
    assert (full == full[0]).all() and np.abs(rest - full[0]).max() <= 1


# ---- the node


def decoded(node: Node, result: Any) -> Any:
    from nodes.generate._clips import frames

    return np.stack(list(frames(node.ctx.open(result.video)))).astype(int)


def test_a_clip_that_is_shorter_than_the_speech_plays_back_and_forth(node: Node, face: Any) -> None:
    clip = node.clip(face)
    result = node.run(video=clip, audio=node.audio(sound(1.59)))
    assert (result.frames, result.frames_bridged, result.video.frames) == (40, 0, 40)
    made, source = decoded(node, result), face.astype(int)
    numbers = [*range(14), *range(12, -1, -1), *range(1, 14)]
    for index, number in enumerate(numbers):
        off = [np.abs(made[index, :110] - source[other, :110]).mean() for other in range(14)]
        assert off[number] < min(off) + 0.3, f"frame {index} shows frame {number} of the clip above the mouth"
    metrics = node.ctx.host.metrics
    print(f"seam: {metrics['seam']:.2f}; device_s: {metrics['device_s']:.2f}")
    assert 0.7 < metrics["seam"] < 1.4 and metrics["frames_bridged"] == 0
    assert metrics["device_s"] > 0 and metrics["peak_memory_gib"] > 0
    assert node.ctx.host.progressed[-1] == (40, 40, "frames") and node.ctx.host.previews


def test_a_clip_that_is_longer_than_the_speech_is_cut_and_keeps_its_rate(node: Node, face: Any) -> None:
    clip = saved(node.ctx, face, Fraction(30000, 1001), node.folder / "clip.mp4")
    result = node.run(video=clip, audio=node.audio(sound(0.3)))
    assert result.frames == 9 and result.video.fps == pytest.approx(29.97, abs=0.01)
    assert "seam" not in node.ctx.host.metrics


def test_a_clip_of_few_frames_per_second_gets_frames_between_them(node: Node, face: Any) -> None:
    clip = saved(node.ctx, face[::3], Fraction(25, 3), node.folder / "clip.mp4")  # frames 0, 3, 6, 9, 12
    audio = node.audio(sound(0.92))
    pieces = clip_in_pieces(node.ctx, face[::3], (2, 3), Fraction(25, 3))
    in_pieces = node.run(video=as_input(pieces), audio=audio, params={"crf": 8})
    result = node.run(video=clip, audio=audio, params={"crf": 8})
    assert (result.frames, result.video.fps) == (23, 25) and in_pieces == result
    made, source = decoded(node, result)[:, 16:110, 16:-16], face[:, 16:110, 16:-16].astype(int)
    for index, number in enumerate([*range(13), *range(11, 1, -1)]):
        off = [np.abs(made[index] - other).mean() for other in source]
        assert off[number] < min(off) + 0.5, f"frame {index} shows the face where it was in frame {number}"
    assert node.ctx.host.metrics["seam"] < 1.5


def test_a_still_speaks_and_only_its_mouth_moves(node: Node, tmp_path: Path) -> None:
    image = node.ctx.save(sample_portrait(tmp_path), "image")
    result = node.run(image=image, audio=node.audio(sound(0.6)), params={"fps": 20, "crf": 0})
    assert (result.frames, result.video.fps, result.video.width) == (12, 20, 512)
    assert node.ctx.host.said[0].startswith("loading tiny ") and node.ctx.host.said[0].endswith(" on cpu in float32")
    made = decoded(node, result)
    moved = np.abs(np.diff(made, axis=0)).max(0).max(-1) > 12
    rows, columns = np.nonzero(moved)
    assert rows.min() > 230 and rows.max() < 380 and columns.min() > 170 and columns.max() < 360


def test_parts_and_a_resume_give_the_bytes_of_the_whole(node: Node, face: Any) -> None:
    samples = sound(1.1)
    clip, audio = node.clip(face), node.audio(samples)
    whole = node.run(video=clip, audio=audio, params={"batch_size": 3})
    parts = node.ctx.host.parts
    assert [part["video"]["frames"] for part in parts] == [5, 8, 8, 7]
    for kept in (1, 4):
        again = node.run(parts[:kept], video=clip, audio=audio, params={"batch_size": 3})
        assert again == whole and len(node.ctx.host.parts) == 4 - kept

    pieces = clip_in_pieces(node.ctx, face, (3, 9), FPS)
    spoken = [{"audio": node.audio(piece).model_dump()} for piece in np.split(samples, [9600, 14_400])]

    def speech(ready: int | None = None) -> Any:
        return InParts(incoming=Pieces(spoken, ready), output="audio", kind=AudioRef)

    assert node.run(video=as_input(pieces), audio=speech(), params={"batch_size": 3}) == whole
    finished: list[Any] = []
    for ready in (1, 2):  # left at each part, and started again with what it has
        with pytest.raises(Cancelled):
            node.run(finished, video=as_input(pieces), audio=speech(ready), params={"batch_size": 3})
        finished += node.ctx.host.parts
        assert len(finished) == ready
    with pytest.raises(Cancelled):
        node.run(finished, video=as_input(pieces, 2), audio=speech(), params={"batch_size": 3})
    finished += node.ctx.host.parts
    assert node.run(finished, video=as_input(pieces), audio=speech(), params={"batch_size": 3}) == whole


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of the batches that were painted."""
    sizes: list[int] = []
    real = Lips.painted

    def counted(self: Lips, faces: Any, heard: Any) -> Any:
        sizes.append(len(faces))
        return real(self, faces, heard)

    monkeypatch.setattr(Lips, "painted", counted)
    yield sizes


def test_frames_without_a_face_are_bridged_and_counted(node: Node, face: Any, painted: list[int]) -> None:
    gone = face.copy()
    gone[5:8] = 90
    result = node.run(video=node.clip(gone), audio=node.audio(sound(0.56)))
    assert (result.frames, result.frames_bridged, sum(painted)) == (14, 3, 14)
    assert node.ctx.host.metrics["frames_bridged"] == 3 and node.ctx.host.metrics["frames_without_face"] == 0
    assert "no face was found in 3 of 14 frames; its place was taken from the frames around them" in node.ctx.host.said
    bridged = decoded(node, result)

    painted.clear()
    result = node.run(video=node.clip(gone), audio=node.audio(sound(0.56)), params={"bridge_s": 0.08})
    assert (result.frames, result.frames_bridged, sum(painted)) == (14, 0, 11)
    assert node.ctx.host.metrics["frames_without_face"] == 3
    as_it_is = decoded(node, result)
    assert np.abs(as_it_is[5:8] - 90).max() <= 3 and np.abs(bridged[5:8] - 90).max() > 20


def test_a_face_that_is_away_for_too_long_is_refused_before_the_network_runs(
    node: Node, face: Any, painted: list[int]
) -> None:
    gone = np.concatenate([face, np.full_like(face, 90), face])
    clip, audio = node.clip(gone), node.audio(sound(1.6))
    with pytest.raises(NodeError, match="out of the image for too long") as caught:
        node.run(video=clip, audio=audio, params={"away_s": 0.5})
    assert caught.value.where == "video: from frame 14, at 0.6 s" and not painted and not node.ctx.host.parts
    assert node.run(video=clip, audio=node.audio(sound(0.8)), params={"away_s": 0.5}).frames == 20, "not shown for long"
    with pytest.raises(NodeError, match="no face of a person"):
        node.run(video=node.clip(gone[14:28]), audio=audio)


def test_exactly_one_of_video_and_image_is_taken(node: Node, face: Any, tmp_path: Path) -> None:
    image, audio = node.ctx.save(sample_portrait(tmp_path), "image"), node.audio(sound(0.1))
    with pytest.raises(NodeError, match="a video or an image") as caught:
        node.run(audio=audio)
    assert caught.value.seen == "neither"
    with pytest.raises(NodeError, match="a video or an image"):
        node.run(audio=audio, image=image, video=node.clip(face))
    with pytest.raises(NodeError, match="a video or an image"):
        wav2lip.check(wav2lip.Params(), {"image": tmp_path, "video": tmp_path})
    wav2lip.check(wav2lip.Params(), {"image": tmp_path})
