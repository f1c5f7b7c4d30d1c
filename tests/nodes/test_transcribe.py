"""evaluate.transcribe on the packaged voice, in common audio formats, and on files that are not recordings."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import pytest

from nodes.evaluate import transcribe
from nodes.evaluate._words import normalised
from nodes.generate import hibari_tts
from nodes.local import local_context, run_locally
from nodes.media import measure
from nodes.model_cache import ModelCache
from nodes.sdk import NodeError

SAID = "Good morning. The deployment records every run."


@pytest.fixture(scope="module")
def models() -> ModelCache:
    return ModelCache()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory, models: ModelCache) -> tuple[Path, Any]:
    """A wav file and the voice's report of it."""
    ctx = local_context(tmp_path_factory.mktemp("speech"), models)
    made = run_locally(hibari_tts.run, ctx, {}, {"narration": SAID})
    return ctx.open(made.audio), made


def converted(source: Path, target: Path, codec: str, rate: int) -> Path:
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        stream: Any = write.add_stream(codec, rate=rate, layout="mono")
        for frame in read.decode(audio=0):
            write.mux(stream.encode(frame))
        write.mux(stream.encode(None))
    return target


def heard(folder: Path, models: ModelCache, recording: Path) -> Any:
    ctx = local_context(folder, models)
    audio = ctx.save(recording.read_bytes(), "audio")
    return run_locally(transcribe.run, ctx, {}, {"audio": audio})


@pytest.mark.models
def test_words_are_recognised_with_their_times(tmp_path: Path, models: ModelCache, speech: tuple[Path, Any]) -> None:
    recording, made = speech
    found = heard(tmp_path, models, recording)
    assert normalised(found.text) == normalised(SAID)
    assert normalised(" ".join(word.text for word in found.words)) == normalised(SAID)
    assert found.duration_s == pytest.approx(made.duration_s, abs=0.02)
    starts = [word.start_s for word in found.words]
    assert starts == sorted(starts)
    assert found.words[0].start_s == pytest.approx(made.sentences[0].start_s, abs=0.35)
    second = next(word for word in found.words if word.text == "The")
    assert second.start_s == pytest.approx(made.sentences[1].start_s, abs=0.35)
    assert found.words[-1].end_s == pytest.approx(made.sentences[1].end_s, abs=0.35)


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "codec", "rate", "media_type"),
    [
        ("a.mp3", "mp3", 44_100, "audio/mpeg"),
        ("a.m4a", "aac", 44_100, "audio/mp4"),
        ("a.webm", "libopus", 48_000, "audio/webm"),
        ("a.ogg", "libopus", 48_000, "audio/ogg"),
        ("a.flac", "flac", 24_000, "audio/flac"),
    ],
)
def test_common_audio_formats_are_accepted(
    tmp_path: Path, models: ModelCache, speech: tuple[Path, Any], name: str, codec: str, rate: int, media_type: str
) -> None:
    recording = converted(speech[0], tmp_path / name, codec, rate)
    assert measure(recording, "audio")["media_type"] == media_type
    transcribe.check(transcribe.Params(), {"audio": recording})
    assert normalised(heard(tmp_path, models, recording).text) == normalised(SAID)


@pytest.mark.parametrize("what", ["no sound file", "too long", "empty"])
def test_a_file_that_is_not_a_recording_is_refused_at_submit_and_by_the_node(
    tmp_path: Path, models: ModelCache, what: str
) -> None:
    path = tmp_path / "given.wav"
    if what == "no sound file":
        path.write_bytes(b"not a sound" * 100)
    else:
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8_000, 0, "NONE", ""))
            file.writeframes(bytes(2 * 8_000 * (660 if what == "too long" else 0)))
    with pytest.raises(NodeError) as at_submit:
        transcribe.check(transcribe.Params(), {"audio": path})
    assert at_submit.value.where == "audio" and at_submit.value.remedy
    from nodes.evaluate._recording import read_recording

    with pytest.raises(NodeError) as later:
        read_recording(path, 600)
    assert later.value.message == at_submit.value.message
