"""Portrait animation: the right number of frames, a mouth that follows the speech, and parts that survive a crash."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from nodes._face import landmarks, measured_file, read_image
from nodes._samples import sample_portrait
from nodes._speech import Phoneme
from nodes.context import Cancelled
from nodes.generate._audio_blocks import read_audio
from nodes.generate._part_encoder import PartEncoder
from nodes.generate._part_layout import CUT
from nodes.generate._puppet.framing import frame
from nodes.generate._puppet.loudness import Loudness, loudness
from nodes.generate._puppet.motion import controls
from nodes.generate._puppet.painter import Painter
from nodes.generate._puppet.visemes import tracks_from_audio, tracks_from_phonemes
from nodes.generate.portrait_animation import PREVIEW_PX, run
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import AudioRef, InParts, NodeError
from schemas.refs import Ref, VideoRef
from tests.nodes import portraits
from tests.nodes.pieces import Pieces
from tests.nodes.portraits import Rgb

pytestmark = pytest.mark.models
RATE = 24_000
MODELS = ModelCache()
LEAD_S = 0.040
QUIET = {"mouth_gain": 1.0, "sway": 0.0, "blinks_per_minute": 0.0, "expression": 0.0}
STILL = {"size": 256, "sway": 0.0, "blinks_per_minute": 0.0, "expression": 0.0}


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_portrait(tmp_path_factory.mktemp("portrait"))


def speech(path: Path, *syllables: tuple[float, float], duration_s: float) -> Path:
    """A wav with a voiced tone (120 Hz and overtones) during each (start_s, end_s), silence elsewhere."""
    times = np.arange(round(duration_s * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 120 * k * times) / k for k in range(1, 20)) * 0.2
    voiced = sum(((times >= start) & (times < end)).astype(float) for start, end in syllables)
    samples = (tone * voiced * 32767).clip(-32767, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


class Deployment:
    """One folder of artifacts with a portrait and some speech in it."""

    def __init__(self, folder: Path, portrait_file: Path, audio: Path) -> None:
        self.folder = folder
        ctx = local_context(folder)
        self.inputs: dict[str, Any] = {
            "image": ctx.save(portrait_file.read_bytes(), "image"),
            "audio": ctx.save(audio.read_bytes(), "audio"),
        }

    def run(self, seed: int = 7, parts: Sequence[Any] = (), on_progress: Any = None, **params: Any) -> Any:
        ctx = local_context(self.folder, MODELS, seed=seed, parts=parts)
        host = ctx.host
        assert isinstance(host, FolderHost)
        self.host = host
        host._on_progress = on_progress
        inputs = {"phonemes": None, **self.inputs}
        return run_locally(run, ctx, params, inputs).video

    def frames(self, video: Ref) -> np.ndarray[Any, Any]:
        """(T, H, W, 3) uint8 RGB."""
        with av.open(str(self.folder / video.sha256)) as container:
            return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, portrait_file: Path) -> Deployment:
    folder = tmp_path_factory.mktemp("bench")
    audio = speech(folder / "speech.wav", (0.4, 0.8), (1.0, 1.3), duration_s=1.7)
    return Deployment(folder / "store", portrait_file, audio)


@pytest.mark.parametrize(
    ("samples", "fps", "frames"), [(24_000, 25, 25), (24_001, 25, 26), (31_999, 30, 40), (1, 25, 1)]
)
def test_frames_cover_the_audio_exactly(
    tmp_path: Path, portrait_file: Path, samples: int, fps: int, frames: int
) -> None:
    audio = speech(tmp_path / "a.wav", duration_s=samples / RATE)
    deployment = Deployment(tmp_path / "store", portrait_file, audio)
    video = deployment.run(**STILL, fps=fps)
    assert (video.frames, video.fps, video.width, video.height) == (frames, fps, 256, 256)
    assert len(deployment.frames(video)) == frames


def test_the_video_is_h264_yuv420p_with_its_index_first_and_no_audio(deployment: Deployment) -> None:
    video = deployment.run(size=256)
    path = deployment.folder / video.sha256
    with av.open(str(path)) as container:
        assert not container.streams.audio
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
        assert stamps == sorted(stamps) and len(set(np.diff(stamps))) == 1
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_equal_seeds_give_equal_bytes_and_others_do_not(deployment: Deployment) -> None:
    first = deployment.run(seed=1, size=256)
    assert deployment.run(seed=1, size=256) == first
    assert deployment.run(seed=2, size=256) != first


def test_a_still_puppet_without_speech_does_not_move(tmp_path: Path, portrait_file: Path) -> None:
    loud = loudness(read_audio(speech(tmp_path / "a.wav", duration_s=0.5)))
    still = controls(tracks_from_audio(loud, LEAD_S), loud, frames=12, fps=25, seed=3, **QUIET)
    lively = controls(tracks_from_audio(loud, LEAD_S), loud, frames=12, fps=25, seed=3, **{**QUIET, "sway": 1.0})
    rgb = read_image(portrait_file)
    painter = Painter(*frame(rgb, measured_file(portrait_file)[0].points, 256))
    assert np.array_equal(painter.frame(still, 0), painter.frame(still, 11))
    assert not np.array_equal(painter.frame(lively, 0), painter.frame(lively, 11))


def test_the_mouth_opens_with_the_audio_and_nothing_else_moves(deployment: Deployment, portrait_file: Path) -> None:
    frames = deployment.frames(deployment.run(**STILL)).astype(int)
    silent, loud = frames[3], frames[14]
    change = np.abs(loud - silent).max(-1)
    rgb = read_image(portrait_file)
    _, points = frame(rgb, measured_file(portrait_file)[0].points, 256)
    x, y = points[list(landmarks.LIPS_OUTER), :2].mean(0).astype(int)
    assert change[y - 8 : y + 16, x - 16 : x + 16].mean() > 15
    assert change[: int(points[landmarks.NOSE_BASE, 1]) - 8].max() <= 24
    assert np.abs(frames[35] - silent).mean() < 2  # between the syllables and after them it closes again


def test_opening_follows_loudness_closely() -> None:
    """Compares the tracks: correlation of opening and level, against a shifted baseline."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0, 1, 60), 40)
    loud = Loudness(level.astype(np.float32), np.zeros_like(level), np.zeros_like(level))
    jaw = tracks_from_audio(loud, LEAD_S).jaw
    lead = round(LEAD_S / 0.005)
    assert np.corrcoef(jaw[:-lead], level[lead:])[0, 1] > 0.75
    assert abs(np.corrcoef(jaw, np.roll(level, 1200))[0, 1]) < 0.4


def phonemes(*rows: tuple[str, float, float]) -> list[Phoneme]:
    return [Phoneme(symbol=symbol, start_s=start, end_s=end) for symbol, start, end in rows]


def mouth_at_frames(tmp_path: Path, said: list[Phoneme], fps: int = 25) -> Any:
    sound = read_audio(speech(tmp_path / "a.wav", (0.2, 0.9), duration_s=1.2))
    loud = loudness(sound)
    return controls(tracks_from_phonemes(said, loud, LEAD_S), loud, frames=sound.frames(fps), fps=fps, seed=0, **QUIET)


@pytest.mark.parametrize("symbol", ["m", "b", "p"])
@pytest.mark.parametrize("offset_s", [0.0, 0.013, 0.027])
@pytest.mark.parametrize("fps", [12, 25, 50])
def test_lips_really_close_for_bilabials_wherever_they_fall_between_frames(
    tmp_path: Path, symbol: str, offset_s: float, fps: int
) -> None:
    start, end = 0.5 + offset_s, 0.56 + offset_s
    said = phonemes(("ɑ", 0.2, start), (symbol, start, end), ("ɑ", end, 0.9))
    mouth = mouth_at_frames(tmp_path, said, fps)
    times = (np.arange(len(mouth.jaw)) + 0.5) / fps + LEAD_S
    near = np.abs(times - (start + end) / 2) < 0.6 / fps + 0.02
    assert mouth.press[near].max() > 0.99
    assert (mouth.jaw * (1 - mouth.press))[(times > 0.35) & (times < 0.42)].max() > 0.5


def test_vowels_open_round_and_spread_the_mouth(tmp_path: Path) -> None:
    said = phonemes(("ɑ", 0.2, 0.4), ("u", 0.4, 0.6), ("i", 0.6, 0.9))
    mouth = mouth_at_frames(tmp_path, said)
    ah, oo, ee = (round((middle - LEAD_S) * 25) for middle in (0.3, 0.5, 0.75))
    assert mouth.jaw[ah] > 0.5 > mouth.jaw[oo]
    assert mouth.wide[oo] < -0.6 and mouth.wide[ee] > 0.5


@pytest.mark.parametrize("lead_s", [LEAD_S, 0.0, -0.1])
def test_the_mouth_leads_the_audio_by_the_set_time(tmp_path: Path, lead_s: float) -> None:
    loud = loudness(read_audio(speech(tmp_path / "a.wav", (0.5, 0.7), duration_s=1.2)))
    jaw = tracks_from_phonemes(phonemes(("ɑ", 0.5, 0.7)), loud, lead_s).jaw
    middle = (np.arange(len(jaw)) * 0.005 * jaw).sum() / jaw.sum()
    assert middle == pytest.approx(0.6 - lead_s, abs=0.012)


def test_word_gaps_do_not_close_the_mouth_but_pauses_do(tmp_path: Path) -> None:
    gap = mouth_at_frames(tmp_path, phonemes(("ɑ", 0.2, 0.5), (" ", 0.5, 0.58), ("ɑ", 0.58, 0.9)))
    pause = mouth_at_frames(tmp_path, phonemes(("ɑ", 0.2, 0.4), (",", 0.4, 0.7), ("ɑ", 0.7, 0.9)))
    assert gap.jaw[round(0.5 * 25)] > 0.5
    assert pause.jaw[round(0.51 * 25)] < 0.1


def test_stress_marks_may_stand_alone_or_attached(tmp_path: Path) -> None:
    alone = mouth_at_frames(tmp_path, phonemes(("ˈ", 0.2, 0.25), ("ɑ", 0.25, 0.5)))
    attached = mouth_at_frames(tmp_path, phonemes(("ˈɑ", 0.2, 0.5)))
    assert np.allclose(alone.jaw, attached.jaw)


def test_unknown_symbols_and_odd_times_do_no_harm(tmp_path: Path) -> None:
    said = phonemes(("ɑ", 0.2, 0.4), ("♪", 0.4, 0.5), ("ξ", 0.5, 0.5), ("ɑ", 5.0, 9.0), ("", 0.0, 0.0))
    assert np.isfinite(mouth_at_frames(tmp_path, said).jaw).all()


def test_blinks_have_the_set_rate_and_follow_the_seed(tmp_path: Path) -> None:
    loud = loudness(read_audio(speech(tmp_path / "a.wav", duration_s=300)))
    mouth = tracks_from_audio(loud, LEAD_S)
    settings = {"frames": 7500, "fps": 25, "mouth_gain": 1.0, "sway": 1.0, "expression": 0.5}

    def count(seed: int, rate: float) -> int:
        lids = controls(mouth, loud, seed=seed, blinks_per_minute=rate, **settings).blink  # type: ignore[arg-type]
        shut = lids > 0.5
        return int((shut[1:] & ~shut[:-1]).sum())

    assert np.mean([count(seed, 14) for seed in range(8)]) == pytest.approx(70, rel=0.15)
    assert count(1, 0) == 0
    assert len({count(seed, 14) for seed in range(8)}) > 1


def test_a_killed_run_continues_after_its_finished_parts_with_equal_bytes(tmp_path: Path, portrait_file: Path) -> None:
    frames = 2 * CUT.later + 30
    audio = speech(tmp_path / "a.wav", (0.5, 3.0), (4.2, 7.5), duration_s=frames / 25)
    deployment = Deployment(tmp_path / "store", portrait_file, audio)
    whole = deployment.run(size=256)
    counts = [part["video"]["frames"] for part in deployment.host.parts]
    assert counts == [CUT.first, CUT.later, CUT.later, 30 - CUT.first]

    class Killed(Exception):
        pass

    def kill(done: float, total: float, unit: str) -> None:
        assert done <= total <= frames and unit == "frames"  # of the audio that was read until now
        if done > CUT.first + CUT.later + 10:
            raise Killed

    with pytest.raises(Killed):
        deployment.run(size=256, on_progress=kill)
    saved = list(deployment.host.parts)
    assert len(saved) == 2
    seen: list[float] = []
    resumed = deployment.run(size=256, parts=saved, on_progress=lambda done, *_: seen.append(done))
    assert resumed.sha256 == whole.sha256
    assert min(seen) > CUT.first + CUT.later  # the first parts were not rendered again
    assert len(deployment.host.parts) == 2

    every = [*saved, *deployment.host.parts]
    again = deployment.run(size=256, parts=every, on_progress=lambda *_: pytest.fail("nothing is left to render"))
    assert again.sha256 == whole.sha256


@pytest.mark.parametrize("with_phonemes", [True, False])
def test_speech_in_pieces_gives_equal_bytes(tmp_path: Path, portrait_file: Path, with_phonemes: bool) -> None:
    seconds = 9.0
    audio = speech(tmp_path / "a.wav", (0.5, 3.0), (4.2, 7.5), duration_s=seconds)
    said = [Phoneme(symbol=s, start_s=k * 0.3, end_s=(k + 1) * 0.3) for k, s in enumerate("mɑf wiz tæb" * 3)][:30]
    deployment = Deployment(tmp_path / "store", portrait_file, audio)
    deployment.inputs["phonemes"] = [one.model_dump() for one in said] if with_phonemes else None
    whole = deployment.run(size=256)

    ctx = local_context(deployment.folder)
    with wave.open(str(audio)) as file:
        samples = file.readframes(file.getnframes())
    pieces, cuts = [], [0.0, 0.9, 1.0, 5.5, seconds]
    for number, (start_s, end_s) in enumerate(itertools.pairwise(cuts)):
        path = tmp_path / f"piece-{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
            file.writeframes(samples[2 * round(start_s * RATE) : 2 * round(end_s * RATE)])
        its = [one for one in said if start_s <= one.start_s < end_s]
        ref = ctx.save(path.read_bytes(), "audio")
        pieces.append({"audio": ref.model_dump(), "phonemes": [one.model_dump() for one in its]})
    incoming = Pieces(pieces)
    deployment.inputs["audio"] = InParts(incoming=incoming, output="audio", kind=AudioRef)
    if with_phonemes:
        deployment.inputs["phonemes"] = InParts(incoming=incoming, output="phonemes", kind=list[Phoneme])
    assert deployment.run(size=256).sha256 == whole.sha256


def test_parts_play_by_themselves(tmp_path: Path, portrait_file: Path) -> None:
    audio = speech(tmp_path / "a.wav", (0.5, 3.0), duration_s=(CUT.later + 5) / 25)
    deployment = Deployment(tmp_path / "store", portrait_file, audio)
    video = deployment.run(size=256)
    made = [VideoRef.model_validate(part["video"]) for part in deployment.host.parts]
    parts = np.concatenate([deployment.frames(part) for part in made])
    assert np.array_equal(parts, deployment.frames(video))
    for part in made:  # what a page's Media Source takes: first the settings alone, then fragments
        boxes = mp4_boxes((deployment.folder / part.sha256).read_bytes())
        assert boxes[:2] == ["ftyp", "moov"] and boxes[2:4] == ["moof", "mdat"]
        assert set(boxes[2:]) <= {"moof", "mdat", "mfra"}


def mp4_boxes(data: bytes) -> list[str]:
    """Types of the boxes on the top level."""
    types, at = [], 0
    while at < len(data):
        size, type_ = struct.unpack_from(">I4s", data, at)
        types.append(type_.decode())
        at += size
    return types


def test_cancelling_stops_at_once_and_leaves_no_thread(deployment: Deployment) -> None:
    def cancel(done: float, total: float, unit: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        deployment.run(size=256, on_progress=cancel)
    assert not [thread for thread in threading.enumerate() if thread.name == "part-encoder"]
    assert len(deployment.host.progressed) == 1


def test_an_error_of_the_encoder_thread_is_raised(tmp_path: Path) -> None:
    with pytest.raises(av.FFmpegError), PartEncoder(tmp_path / "no such folder", Fraction(25), 18) as encoder:
        for _ in range(100):
            encoder.add(np.zeros((256, 256, 3), np.uint8))


def test_previews_are_images(deployment: Deployment) -> None:
    for size, shown in ((256, 256), (512, PREVIEW_PX)):
        deployment.run(size=size)
        with Image.open(deployment.host.previews[-1]) as image:
            assert (image.format, image.size) == ("JPEG", (shown, shown))
        assert deployment.host.previews[-1].stat().st_size < 50_000


@pytest.mark.parametrize("shape", [(300, 900), (900, 300), (512, 512)])
def test_portraits_of_any_shape_become_squares_around_the_face(
    portrait_file: Path, shape: tuple[int, int], tmp_path: Path
) -> None:
    height, width = shape
    canvas = Image.new("RGB", (width, height), (120, 130, 140))
    with Image.open(portrait_file) as portrait:
        side = min(shape)
        canvas.paste(portrait.resize((side, side)), ((width - side) // 2, (height - side) // 2))
    canvas.save(tmp_path / "p.png")
    rgb = read_image(tmp_path / "p.png")
    points = measured_file(tmp_path / "p.png")[0].points
    square, moved = frame(rgb, points, 256)
    assert square.shape == (256, 256, 3)
    assert moved[:, :2].min() > 8 and moved[:, :2].max() < 248
    again = measured_file(_save(square, tmp_path / "s.png"))[0].points
    assert np.abs(again[:, :2] - moved[:, :2]).mean() < 2.5  # the mesh moved with the picture


def _save(rgb: np.ndarray[Any, Any], path: Path) -> Path:
    Image.fromarray(rgb).save(path)
    return path


def test_a_file_that_is_not_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF not really")
    with pytest.raises(NodeError, match="audio cannot be decoded"):
        read_audio(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
    with pytest.raises(NodeError, match="audio"):
        read_audio(tmp_path / "empty.wav")


def test_declaring_the_node_loads_nothing_heavy() -> None:
    heavy = ["cv2", "av", "numpy", "PIL", "onnxruntime", "mlflow"]
    code = f"import sys, nodes.generate.portrait_animation; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("tone", [lambda rgb: rgb, portraits.grey, portraits.sepia])
def test_the_mouth_has_the_tones_of_the_portrait(
    portrait_file: Path, tone: Callable[[Rgb], Rgb], tmp_path: Path
) -> None:
    """Colours in the open mouth of a grey photo are grey, and those of a toned photo lie on its tones."""
    path = _save(tone(read_image(portrait_file)), tmp_path / "p.png")
    square, points = frame(read_image(path), measured_file(path)[0].points, 256)
    loud = loudness(read_audio(speech(tmp_path / "a.wav", (0.1, 0.4), duration_s=0.5)))
    moving = controls(tracks_from_audio(loud, LEAD_S), loud, frames=12, fps=25, seed=3, **QUIET)
    painter = Painter(square, points)
    x, y = points[list(landmarks.LIPS_INNER), :2].mean(0).astype(int)
    mouth = np.concatenate([painter.frame(moving, at)[y - 4 : y + 14, x - 14 : x + 14] for at in range(12)])
    lab = cv2.cvtColor(mouth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    assert lab[:, 0].min() < 12, "the mouth opens"
    redness = float(lab[lab[:, 0] < 25, 1].mean())
    if tone is portraits.grey:
        assert np.ptp(mouth.astype(int), axis=-1).max() <= 2
    elif tone is portraits.sepia:
        assert redness < 8 and lab[lab[:, 0] < 25, 2].mean() > redness, "brown rather than red"
    else:
        assert redness > 10
