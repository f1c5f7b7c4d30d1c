"""The windows of speech that the animation paints from: the same however the speech arrives, also after a resume."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from nodes._speech import Phoneme
from nodes.generate._audio_blocks import AudioReader, read_audio
from nodes.generate._puppet.windows import start_s, windows
from nodes.local import local_context
from nodes.sdk import AudioRef

RATE, FPS, SECONDS = 8000, 25, 75


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("cuts", [(), (0.5, 7.321, 30.0, 31.7, 60.001)])
@pytest.mark.parametrize("part", [0, 1, 9, 17, 18])
def test_a_resumed_node_sees_the_same_windows(tmp_path: Path, cuts: tuple[float, ...], part: int) -> None:
    ctx = local_context(tmp_path)
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, SECONDS * RATE)
    spoken = [Phoneme(symbol="a", start_s=index / 4, end_s=(index + 1) / 4) for index in range(SECONDS * 4)]
    whole = list(windows(AudioReader([ctx.save(wav(sound), "audio")], ctx.open), [spoken], FPS))
    assert sum(window.count for window in whole) == SECONDS * FPS
    assert len(whole) == 20

    pieces = [ctx.save(wav(piece), "audio") for piece in np.split(sound, [round(cut * RATE) for cut in cuts])]
    opened: list[AudioRef] = []

    def open_file(ref: AudioRef) -> Path:
        opened.append(ref)
        return ctx.open(ref)

    said = [[phoneme] for phoneme in spoken]
    resumed = list(windows(AudioReader(pieces, open_file, start_s(part, FPS)), said, FPS, part=part))
    assert len(resumed) == len(whole) - part
    for seen, expected in zip(resumed, whole[part:], strict=True):
        assert np.array_equal(seen.audio.samples, expected.audio.samples)
        assert (seen.first, seen.count, seen.start_s) == (expected.first, expected.count, expected.start_s)
        assert seen.phonemes == expected.phonemes
    if cuts and part == 18:
        assert len(opened) == len(pieces) - 4, "it decoded speech that it does not need"


def test_a_long_recording_is_entered_in_the_middle(tmp_path: Path) -> None:
    ctx = local_context(tmp_path)
    path, sound = tmp_path / "long.mp3", np.random.default_rng(2).normal(0, 0.1, 60 * RATE).astype(np.float32)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=RATE, layout="mono")
        for start in range(0, len(sound), 1152):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1152], format="fltp", layout="mono")
            frame.sample_rate = RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    whole = read_audio(path).samples
    reader = AudioReader([ctx.save(path, "audio")], ctx.open, 45.0, seek=True)
    assert reader.between(0, 44 * RATE).size == 0, "it decoded what it could jump over"
    reader.hear(50 * RATE)
    assert np.array_equal(reader.between(45 * RATE, 50 * RATE), whole[45 * RATE : 50 * RATE])
