"""Video and audio segments: each can be appended separately and starts where the index says."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from schemas.errors import WorkbenchError
from workbench.client.inspection.inspector import StreamIndex
from workbench.client.inspection.stream import write_stream


def make_video(path: Path, codec: str, frames: int = 60) -> Path:
    """Write a video of six seconds with a key frame every second."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.options = "yuv420p", {"g": "10"}
        for number in range(frames):
            image = np.full((64, 64, 3), 4 * number, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        target.mux(stream.encode(None))
    return path


def test_segments_follow_the_header_without_gaps_and_start_with_key_frames(tmp_path: Path) -> None:
    source, out = make_video(tmp_path / "source.mp4", "h264"), tmp_path / "out.mp4"
    index = StreamIndex.model_validate(write_stream(source, "mp4", out))
    assert (index.kind, index.size_bytes) == ("video", out.stat().st_size)
    assert index.codecs[0].startswith("avc1.") and index.duration_s == pytest.approx(6, abs=0.05)
    starts = [second for second, _, _ in index.pieces]
    assert starts[0] == 0 and starts == sorted(starts) and len(starts) >= 6
    for (_, offset, size), (_, following, _) in zip(index.pieces, index.pieces[1:], strict=False):
        assert offset + size == following
    data = out.read_bytes()
    second, offset, size = index.pieces[3]
    (tmp_path / "piece.mp4").write_bytes(data[: index.head_bytes] + data[offset : offset + size])
    with av.open(str(tmp_path / "piece.mp4")) as piece:
        first = next(piece.decode(video=0))
    assert first.key_frame and first.to_ndarray(format="rgb24").mean() == pytest.approx(4 * 10 * second, abs=3)


def test_audio_in_a_codec_that_mp4_lacks_becomes_flac(tmp_path: Path) -> None:
    samples = (np.sin(np.arange(24_000 * 5) / 20) * 9000).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as target:
        target.setparams((1, 2, 24_000, len(samples), "NONE", ""))
        target.writeframes(samples.tobytes())
    index = StreamIndex.model_validate(write_stream(tmp_path / "a.wav", "wav", tmp_path / "out.mp4"))
    assert (index.kind, index.codecs) == ("audio", ["flac"])
    assert index.duration_s == pytest.approx(5, abs=0.1) and len(index.pieces) == 3
    with av.open(str(tmp_path / "out.mp4")) as made:
        read = np.concatenate([frame.to_ndarray().reshape(-1) for frame in made.decode(audio=0)])
    assert np.array_equal(read, samples)


def test_a_video_that_browsers_cannot_play_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError) as caught:
        write_stream(make_video(tmp_path / "source.mp4", "mpeg4"), "mp4", tmp_path / "out.mp4")
    assert caught.value.code == "upload.refused" and "mpeg4" in str(caught.value.seen)
