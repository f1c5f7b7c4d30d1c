"""evaluate.basic on a real talking clip (packaged voice, portrait and animator) and on copies with planted defects."""

from __future__ import annotations

import importlib.util
import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from nodes._samples import sample_portrait
from nodes.context import Cancelled, Context
from nodes.evaluate import basic
from nodes.evaluate._clip import runs, spread
from nodes.evaluate._contact_sheet import MAX_BYTES, contact_sheet
from nodes.evaluate._lip_sync import lip_sync, loudness
from nodes.evaluate._unmeasured import Unmeasured
from nodes.evaluate._words import normalised, word_error_rate
from nodes.generate import hibari_tts, portrait_animation, remux
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import NodeError

NARRATION = "Good morning. The deployment records every run, so twelve results can be compared later on."


@dataclass
class Talk:
    """The talking-head clip and its inputs."""

    folder: Path
    models: ModelCache
    portrait: bytes
    silent: bytes
    wav: bytes
    clip: bytes

    def joined(self, video: bytes | None = None, wav: bytes | None = None) -> bytes:
        ctx = local_context(self.folder, self.models)
        inputs = {"video": ctx.save(video or self.silent, "video"), "audio": ctx.save(wav or self.wav, "audio")}
        return bytes(ctx.open(run_locally(remux.run, ctx, {}, inputs).video).read_bytes())

    def judged(self, clip: bytes | None = None, **inputs: Any) -> Any:
        """Outputs of the node; inputs replace the narration and the portrait."""
        ctx = local_context(self.folder, self.models)
        given = {"narration": NARRATION, "image": self.portrait, **inputs}
        image = ctx.save(given["image"], "image") if given["image"] else None
        video = ctx.save(clip or self.clip, "video")
        return run_locally(
            basic.run, ctx, {"lip_frames": 150}, {"video": video, "narration": given["narration"], "image": image}
        )


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    folder, models = tmp_path_factory.mktemp("talk"), ModelCache()
    ctx = local_context(folder, models)
    portrait = sample_portrait(folder).read_bytes()
    speech = run_locally(hibari_tts.run, ctx, {}, {"narration": NARRATION})
    ctx = local_context(folder, models)  # each run has its own: a context holds the parts of one node
    moving = run_locally(
        portrait_animation.run,
        ctx,
        {"size": 384},
        {
            "image": ctx.save(portrait, "image"),
            "audio": speech.audio,
            "phonemes": [phoneme.model_dump() for phoneme in speech.phonemes],
        },
    )
    silent, wav = ctx.open(moving.video).read_bytes(), ctx.open(speech.audio).read_bytes()
    made = Talk(folder, models, portrait, silent, wav, b"")
    made.clip = made.joined()
    return made


@pytest.fixture(scope="module")
def flawless_clip(talk: Talk) -> Any:
    return talk.judged()


def _samples(wav: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(wav)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def _wav(samples: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _shifted(wav: bytes, seconds: float) -> bytes:
    """The audio shifted later (or earlier), at the same length."""
    samples, rate = _samples(wav)
    silence = np.zeros(round(abs(seconds) * rate), samples.dtype)
    if seconds > 0:
        return _wav(np.concatenate([silence, samples])[: len(samples)], rate)
    return _wav(np.concatenate([samples, silence])[-len(samples) :], rate)


def _redrawn(video: bytes, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The video with every frame changed; near-lossless, so that encoding is not the defect."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(video)) as given, av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 384, 384, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "8"}
        for index, frame in enumerate(given.decode(video=0)):
            changed = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(change(frame.to_ndarray(format="rgb24"))), format="rgb24"
            )
            changed.pts, changed.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(changed))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def _other_face() -> bytes:
    """A face of Labeled Faces in the Wild as scikit-image carries it (25 x 25 px), enlarged on grey."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None and spec.origin is not None
    faces = np.load(Path(spec.origin).parent / "data" / "lfw_subset.npy")
    face = Image.fromarray((faces[0].clip(0, 1) * 255).astype(np.uint8)).resize((250, 250), Image.Resampling.LANCZOS)
    picture = Image.new("L", (400, 400), 128)
    picture.paste(face, (75, 75))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


# --- the whole node


@pytest.mark.models
def test_a_flawless_clip_gets_good_metrics(flawless_clip: Any) -> None:
    report = flawless_clip.report
    assert report.notes == []
    assert report.word_error_rate <= 0.15
    assert "morning" in report.transcript.lower()
    assert report.identity_distance < 0.5 and report.identity_frames == 8
    assert report.face_frames == 1.0
    assert -60 <= report.lip_audio_lag_ms <= 120
    assert report.lip_audio_correlation > report.lip_audio_correlation_shuffled + 0.1
    assert 0.4 < report.sharpness_ratio < 1.6
    assert report.frames == round(report.duration_s * 25)
    assert abs(report.audio_s - report.duration_s) < 0.1


@pytest.mark.models
def test_every_reported_number_becomes_a_metric(talk: Talk, tmp_path: Path) -> None:
    ctx = local_context(tmp_path, talk.models)
    video = ctx.save(talk.clip, "video")
    outputs = run_locally(basic.run, ctx, {"lip_frames": 50, "identity_frames": 2}, {"video": video})
    assert isinstance(ctx.host, FolderHost)
    figures = outputs.report.model_dump(exclude={"transcript", "notes"})
    assert ctx.host.metrics == {name: value for name, value in figures.items() if value is not None}
    assert "sharpness" in ctx.host.metrics and "word_error_rate" not in ctx.host.metrics
    assert ctx.host.progressed[-1][:2] == (100, 100)
    shares = [done for done, _, _ in ctx.host.progressed]
    assert shares == sorted(shares)


@pytest.mark.models
@pytest.mark.parametrize("seconds", [0.2, -0.2])
def test_shifted_audio_shows_as_lag(talk: Talk, flawless_clip: Any, seconds: float) -> None:
    report = talk.judged(talk.joined(wav=_shifted(talk.wav, seconds))).report
    moved_ms = report.lip_audio_lag_ms - flawless_clip.report.lip_audio_lag_ms
    assert moved_ms == pytest.approx(seconds * 1000, abs=40)


@pytest.mark.models
def test_the_wrong_words_show_as_word_errors(talk: Talk) -> None:
    report = talk.judged(narration="Seven green bottles were standing on a wall in the rain last Sunday.").report
    assert report.word_error_rate > 0.8
    partly = talk.judged(narration=NARRATION.replace("morning", "evening")).report
    assert 0 < partly.word_error_rate < 0.3


@pytest.mark.models
def test_another_person_shows_as_distance(talk: Talk, flawless_clip: Any) -> None:
    report = talk.judged(image=_other_face()).report
    assert report.identity_distance > 0.6
    assert report.identity_distance > flawless_clip.report.identity_distance + 0.2


@pytest.mark.models
@pytest.mark.slow
def test_a_blurred_video_shows_as_less_sharp(talk: Talk, flawless_clip: Any) -> None:
    kept = talk.judged(talk.joined(_redrawn(talk.silent, lambda rgb: rgb))).report
    blurred = talk.judged(talk.joined(_redrawn(talk.silent, lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2)))).report
    assert kept.sharpness_ratio == pytest.approx(flawless_clip.report.sharpness_ratio, rel=0.15)
    assert blurred.sharpness_ratio < 0.5 * kept.sharpness_ratio
    assert blurred.lip_audio_lag_ms == pytest.approx(kept.lip_audio_lag_ms, abs=60)


@pytest.mark.models
@pytest.mark.slow
def test_a_clip_without_a_face_is_noted_not_failed(talk: Talk) -> None:
    grey = talk.joined(_redrawn(talk.silent, lambda rgb: np.full_like(rgb, 127)))
    report = talk.judged(grey).report
    assert report.face_frames == 0.0
    assert report.identity_distance is None and report.identity_frames == 0
    assert report.lip_audio_lag_ms is None and report.lip_audio_correlation is None
    assert report.sharpness is None and report.sharpness_ratio is None
    assert report.word_error_rate <= 0.15  # the sound is still judged
    assert any(note.startswith("Identity: no face was found in 8 frames") for note in report.notes)
    assert any(note.startswith("Lip sync: a face was found in 0 frames") for note in report.notes)


@pytest.mark.models
@pytest.mark.slow
def test_a_face_that_leaves_is_counted(talk: Talk) -> None:
    count = iter(range(10_000))

    def leaves(rgb: np.ndarray) -> np.ndarray:
        return rgb if next(count) < 60 else np.full_like(rgb, 127)

    report = talk.judged(talk.joined(_redrawn(talk.silent, leaves))).report
    assert report.face_frames == pytest.approx(60 / report.frames, abs=0.12)  # it is looked for every 8th frame
    assert 0 < report.identity_frames < 8


@pytest.mark.models
@pytest.mark.slow
def test_a_still_image_has_no_lip_sync(talk: Talk) -> None:
    first: list[np.ndarray] = []

    def still(rgb: np.ndarray) -> np.ndarray:
        first.append(rgb) if not first else None
        return first[0]

    report = talk.judged(talk.joined(_redrawn(talk.silent, still))).report
    assert report.lip_audio_lag_ms is None and report.lip_audio_correlation is None
    assert any("the mouth does not move" in note for note in report.notes)


@pytest.mark.models
def test_a_video_without_audio_is_noted_not_failed(talk: Talk) -> None:
    report = talk.judged(talk.silent).report
    assert report.audio_s is None and report.transcript is None and report.word_error_rate is None
    assert "Audio: the video has no audio track." in report.notes
    assert report.identity_distance is not None and report.sharpness is not None


@pytest.mark.models
def test_silence_is_noted(talk: Talk) -> None:
    samples, rate = _samples(talk.wav)
    report = talk.judged(talk.joined(wav=_wav(np.zeros_like(samples), rate))).report
    assert "Audio: the audio is silent." in report.notes
    assert report.word_error_rate is None and report.audio_s is not None


@pytest.mark.models
def test_equal_clips_get_equal_reports_and_sheets(talk: Talk, flawless_clip: Any) -> None:
    again = talk.judged()
    assert again.report == flawless_clip.report
    assert again.contact_sheet.sha256 == flawless_clip.contact_sheet.sha256


@pytest.mark.models
def test_the_sheet_is_an_image_of_bounded_size(talk: Talk, flawless_clip: Any) -> None:
    ref = flawless_clip.contact_sheet
    assert ref.media_type == "image/jpeg" and ref.width == 1280 and ref.size_bytes <= MAX_BYTES
    with Image.open(talk.folder / ref.sha256) as image:
        sheet = np.asarray(image.convert("RGB"))
    assert sheet[100:300, 100:300].std() > 20  # a frame is there
    orange = (sheet[-110:, :, 0] > 200) & (sheet[-110:, :, 2] < 150)
    assert orange.sum() > 500  # so is the course of the lips


@pytest.mark.models
def test_cancelling_stops_between_frames(talk: Talk, tmp_path: Path) -> None:
    class CancelledSoon(FolderHost):
        asked = 0

        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 3

    host = CancelledSoon(tmp_path)
    ctx = Context(host, workdir=tmp_path, models=talk.models)
    with pytest.raises(Cancelled):
        run_locally(basic.run, ctx, {}, {"video": ctx.save(talk.clip, "video")})
    assert host.asked == 4


def test_a_file_that_is_not_a_video_fails_with_a_remedy(tmp_path: Path) -> None:
    ctx = local_context(tmp_path)
    path = tmp_path / "x.mp4"
    path.write_bytes(b"not a video")
    ref = ctx.save(b"not a video", "file").model_dump(exclude={"kind", "media_type"})
    with pytest.raises(NodeError, match="the video cannot be read") as caught:
        run_locally(basic.run, ctx, {}, {"video": ref})
    assert caught.value.remedy


# --- words


@pytest.mark.parametrize(
    ("written", "compared"),
    [  # the examples of Whisper's own tests
        ("Let's", "let us"),
        ("she's been like", "she has been like"),
        ("RC232, 10km", "rc 232 10 km"),
        ("Mr. Park visited Assoc. Prof. Kim Jr.", "mister park visited associate professor kim junior"),
        ("thirty three thousand and three hundred and thirty third", "33333rd"),
        ("two dollars and seventy cents", "$2.70"),
        ("mobilisation, nineteen fifties", "mobilization 1950s"),
        # ours: the pronunciation in a narration is not said, and punctuation is no word
        ("a [GIF](/dʒˈɪf/) — state-of-the-art", "a gif state of the art"),
        ("…?!", ""),
    ],
)
def test_texts_are_compared_in_the_spelling_of_whispers_paper(written: str, compared: str) -> None:
    assert normalised(written) == compared


@pytest.mark.parametrize(
    ("reference", "heard", "rate"),
    [  # X, Y and Z: from Morris, Maier and Green, "From WER and RIL to MER and WIL", 2004
        ("X", "X", 0),
        ("X", "X X Y Y", 3),
        ("X Y X", "X Z", 2 / 3),
        ("X", "Y Z", 2),
        ("This is a test", "", 1),
        ("I am a short ground truth", "I am a considerably longer and very much incorrect hypothesis", 7 / 6),
        ("It's twenty one colours.", "it is 21 colors", 0),
    ],
)
def test_word_error_rates_are_the_published_ones(reference: str, heard: str, rate: float) -> None:
    assert word_error_rate(reference, heard) == pytest.approx(rate)


# --- lips


def _course(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A syllable-like curve, one value per 10 ms."""
    noise = np.convolve(rng.normal(size=round(seconds * 100) + 40), np.hanning(22)[1:-1], "valid")
    return np.maximum(0, noise[: round(seconds * 100)] * 10 + 20)


@pytest.mark.parametrize("lag_s", [-0.31, -0.08, 0.0, 0.043, 0.25])
@pytest.mark.parametrize(
    "indices", [range(200), range(0, 200, 2), runs(1000, 25, 150)], ids=["every frame", "every other", "runs"]
)
def test_the_lag_is_found_for_any_choice_of_frames(lag_s: float, indices: Sequence[int]) -> None:
    level = _course(40 if max(indices) > 200 else 8, np.random.default_rng(5))
    times = np.asarray(indices) / 25
    lips = np.interp(times + lag_s, (np.arange(len(level)) + 0.5) * 0.01, level) / 200
    found = lip_sync(times, lips, level)
    assert found.lag_ms == pytest.approx(lag_s * 1000, abs=15)
    assert found.correlation > 0.85 > found.shuffled


def test_unrelated_lips_get_no_lag() -> None:
    none = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        level, other = _course(8, rng), _course(8, rng)
        times = np.arange(0.02, 8, 0.04)
        found = lip_sync(times, np.interp(times, (np.arange(800) + 0.5) * 0.01, other) / 200, level)
        none += found.lag_ms is None
        assert found.correlation < 0.6
    assert none >= 9  # one in 25 passes by chance


def test_an_unmeasurable_clip_gives_the_reason() -> None:
    times, lips = np.arange(100) / 25, np.sin(np.arange(100)) * 0.1
    level = _course(4, np.random.default_rng(0))
    for given, reason in (
        ((times[:5], lips[:5], level), "found in 5 frames"),
        ((times, lips, level[:150]), "lasts 1.5 s"),
        ((times, lips * 0, level), "mouth does not move"),
        ((times, lips, level * 0 + 30), "loudness does not change"),
    ):
        with pytest.raises(Unmeasured, match=reason):
            lip_sync(*given)
    with pytest.raises(Unmeasured, match="silent"):
        loudness(np.zeros(16_000, np.float32), 16_000)
    with pytest.raises(Unmeasured, match="silent"):
        loudness(np.zeros(0, np.float32), 16_000)


# --- sheet


@pytest.mark.parametrize(("count", "shape"), [(12, (512, 512)), (7, (360, 640)), (1, (64, 48)), (24, (640, 360))])
def test_any_number_and_shape_of_frames_fits_the_sheet(count: int, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)  # the hardest to compress
    data = contact_sheet([(i / 3, noise) for i in range(count)], count / 3, "a caption " * 60)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG" and 640 <= image.width <= 1280
    assert len(data) <= MAX_BYTES


def test_frames_are_spread_over_the_clip() -> None:
    assert spread(5, 12) == [0, 1, 2, 3, 4]
    assert spread(100, 4) == [12, 37, 62, 87]
    assert len(set(spread(145, 120))) == 120
    assert runs(150, 25, 150) == list(range(150))
    assert runs(300, 50, 150) == list(range(0, 300, 2))
    chosen = runs(1500, 25, 150)
    assert len(set(chosen)) == 150 and chosen[:3] == [225, 226, 227] and chosen[-1] == 1274
    assert max(runs(61, 25, 60)) < 61
