"""generate.remux, on generated clips: a flash in the video and a click in the audio mark the same instant."""

from __future__ import annotations

import io
import json
import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nodes.context import Cancelled, Context
from nodes.generate import remux
from nodes.generate._audio_blocks import AudioReader, read_audio
from nodes.generate._sounded_part import BEFORE_S, SoundedParts
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import AudioRef, InParts, NodeError, VideoRef
from tests.nodes.pieces import Pieces

FPS = 25
RATE = 24_000


def clip(
    frames: int, flash: int = -1, *, pixels: str = "yuv420p", size: int = 64, bframes: int = 2, turn: int = 0
) -> bytes:
    """A grey H.264 clip whose frame ``flash`` is white."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width = stream.height = size
        stream.pix_fmt = pixels
        stream.options = {"preset": "veryfast", "bf": str(bframes), "g": "12"}
        if turn:
            stream.set_display_rotation(turn)
        for index in range(frames):
            shade = 255 if index == flash else 60 + index % 40
            frame = av.VideoFrame.from_ndarray(np.full((size, size, 3), shade, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def sound(seconds: float, click_s: float = -1, *, rate: int = RATE, channels: int = 1) -> bytes:
    """A faint tone as 16-bit wav with a 10 ms click."""
    time = np.arange(round(seconds * rate)) / rate
    samples = 0.01 * np.sin(2 * np.pi * 200 * time)
    samples[(time >= click_s) & (time < click_s + 0.01) & (click_s >= 0)] = 0.9
    return wav(np.repeat(samples[:, None], channels, 1), rate)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """(N,) or (N, channels), -1 to 1 -> 16-bit wav."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.size // len(samples) if len(samples) else 1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def join(folder: Path, video: bytes, audio: bytes, *, provenance: dict[str, str] | None = None, **params: Any) -> Any:
    ctx = local_context(folder, provenance=provenance)
    inputs = {"video": ctx.save(video, "video"), "audio": ctx.save(audio, "audio")}
    outputs = run_locally(remux.run, ctx, params, inputs)
    return ctx.open(outputs.video), outputs.video, ctx.host


def played(path: Path) -> tuple[list[tuple[float, float]], np.ndarray, int]:
    """The clip as a player shows it: (time, brightness) of every frame; the samples from time 0 on; their rate."""
    with av.open(str(path)) as container:
        frames = [(float(f.time), float(f.to_ndarray(format="gray").mean())) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        samples = np.zeros(0, np.float32)
        for frame in container.decode(audio=0):
            data = frame.to_ndarray().mean(0)
            start = round(float(frame.time) * rate)
            samples = np.concatenate([samples[:start], np.zeros(max(0, start - len(samples)), np.float32), data])
    return frames, samples, rate


def atoms(path: Path) -> list[str]:
    data, position, names = path.read_bytes(), 0, []
    while position < len(data):
        size, name = struct.unpack(">I4s", data[position : position + 8])
        if size == 1:
            (size,) = struct.unpack(">Q", data[position + 8 : position + 16])
        names.append(name.decode())
        position += size
    return names


def assert_in_sync(path: Path, at_s: float) -> None:
    frames, samples, rate = played(path)
    flash_s = max(frames, key=lambda frame: frame[1])[0]
    click_s = float(np.argmax(np.abs(samples) > 0.3)) / rate
    assert flash_s == pytest.approx(at_s, abs=0.5 / FPS)
    assert abs(click_s - flash_s) < 0.5 / FPS, f"click at {click_s:.4f} s, flash at {flash_s:.4f} s"


def test_copied_video_plays_whole_in_sync_and_starts_at_once(tmp_path: Path) -> None:
    path, ref, host = join(tmp_path, clip(50, flash=30), sound(2.0, click_s=30 / FPS))
    frames, samples, rate = played(path)
    assert host.metrics == {"video_copied": 1.0}
    assert len(frames) == 50 and frames[0][0] == 0.0 and rate == RATE
    assert len(samples) / rate == pytest.approx(2.0, abs=0.05)
    assert_in_sync(path, 30 / FPS)
    assert atoms(path).index("moov") < atoms(path).index("mdat")
    assert (ref.width, ref.height, ref.fps, ref.frames) == (64, 64, 25.0, 50)
    assert host.progressed[-1] == (50, 50, "frames")


def test_copying_changes_no_packet(tmp_path: Path) -> None:
    video = clip(30)
    path, _, _ = join(tmp_path, video, sound(30 / FPS))
    with av.open(io.BytesIO(video)) as before, av.open(str(path)) as after:
        given = [bytes(p) for p in before.demux(video=0) if p.size]
        assert given == [bytes(p) for p in after.demux(video=0) if p.size]


def test_other_pixel_formats_are_encoded_and_stay_in_sync(tmp_path: Path) -> None:
    path, _, host = join(tmp_path, clip(50, flash=20, pixels="yuv444p"), sound(2.0, click_s=20 / FPS), crf=20)
    assert host.metrics == {"video_copied": 0.0}
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    assert len(played(path)[0]) == 50
    assert_in_sync(path, 20 / FPS)


@pytest.mark.parametrize("seconds", [1.0, 1.01, 1.239, 1.24, 1.9])
@pytest.mark.parametrize("bframes", [0, 3])
def test_frames_after_the_audio_are_dropped(tmp_path: Path, seconds: float, bframes: int) -> None:
    path, ref, _ = join(tmp_path, clip(60, flash=5, bframes=bframes), sound(seconds, click_s=5 / FPS))
    frames, samples, rate = played(path)
    expected = -(-round(seconds * 1000) * FPS // 1000)
    assert len(frames) == ref.frames == expected
    assert abs(len(samples) / rate - len(frames) / FPS) < 1 / FPS + 1024 / rate
    assert_in_sync(path, 5 / FPS)


def test_the_last_frame_is_repeated_until_the_audio_ends(tmp_path: Path) -> None:
    path, ref, host = join(tmp_path, clip(20, flash=10), sound(2.0, click_s=10 / FPS))
    frames, _, _ = played(path)
    assert host.metrics == {"video_copied": 0.0}
    assert len(frames) == ref.frames == 50
    assert [round(time * FPS) for time, _ in frames] == list(range(50))
    assert all(abs(light - frames[19][1]) < 2 for _, light in frames[20:])
    assert_in_sync(path, 10 / FPS)


def test_less_than_a_frame_short_is_still_copied(tmp_path: Path) -> None:
    _, ref, host = join(tmp_path, clip(50), sound(2.03))
    assert host.metrics == {"video_copied": 1.0} and ref.frames == 50


@pytest.mark.parametrize(("rate", "channels", "kept"), [(44_100, 2, 44_100), (24_000, 1, 24_000), (37_000, 1, 48_000)])
def test_sample_rate_and_channels_are_kept_if_aac_supports_them(
    tmp_path: Path, rate: int, channels: int, kept: int
) -> None:
    path, _, _ = join(tmp_path, clip(25, flash=12), sound(1.0, click_s=12 / FPS, rate=rate, channels=channels))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.codec_context.channels) == ("aac", kept, channels)
    assert_in_sync(path, 12 / FPS)


def test_the_file_records_its_provenance(tmp_path: Path) -> None:
    provenance = {"workflow": "talking_head", "graph": "ab" * 32, "generate.remux": "1.0.0", "note": "Größe, 日本"}
    path, _, _ = join(tmp_path, clip(5), sound(0.2), provenance=provenance)
    with av.open(str(path)) as container:
        written = dict(container.metadata)
    assert written["title"] == "talking_head"
    comment = json.loads(written["comment"])
    assert comment == {"notice": remux.NOTICE, **provenance}
    assert "creation_time" not in written
    path, _, _ = join(tmp_path, clip(5), sound(0.2), provenance=provenance, title="Take 3")
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "Take 3"


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_equal_inputs_give_equal_bytes(tmp_path: Path, pixels: str) -> None:
    video, audio = clip(30, pixels=pixels), sound(1.2)
    first = join(tmp_path / "a", video, audio, provenance={"workflow": "w", "graph": "g"})[1]
    second = join(tmp_path / "b", video, audio, provenance={"graph": "g", "workflow": "w"})[1]
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_the_rotation_of_a_clip_is_kept(tmp_path: Path, pixels: str) -> None:
    path, _, _ = join(tmp_path, clip(5, pixels=pixels, turn=90), sound(0.2))
    with av.open(str(path)) as container:
        assert {frame.rotation for frame in container.decode(video=0)} == {90}


def test_a_video_that_starts_late_starts_with_the_audio(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with av.open(io.BytesIO(clip(30, flash=10))) as given, av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.pts += round(3 / packet.time_base)
                packet.dts += round(3 / packet.time_base)
                packet.stream = stream
                out.mux(packet)
    path, _, _ = join(tmp_path, buffer.getvalue(), sound(1.2, click_s=10 / FPS))
    assert_in_sync(path, 10 / FPS)


def test_audio_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="audio is empty") as caught:
        join(tmp_path, clip(5), sound(0.0))
    assert caught.value.remedy


def test_swapped_inputs_are_refused_by_name(tmp_path: Path) -> None:
    ctx = local_context(tmp_path)
    video, audio = ctx.save(clip(5), "video"), ctx.save(sound(1.0), "audio")
    silent = {"video": video, "audio": {"kind": "audio", "sha256": video.sha256}}
    with pytest.raises(NodeError, match="the audio cannot be read") as caught:
        run_locally(remux.run, ctx, {}, silent)
    assert "video" in str(caught.value.seen)
    with pytest.raises(NodeError, match="the video cannot be read"):
        run_locally(remux.run, ctx, {}, {"video": {"kind": "video", "sha256": audio.sha256}, "audio": audio})


def test_cancelling_stops_and_closes_the_file(tmp_path: Path) -> None:
    class CancelledSoon(FolderHost):
        asked = 0

        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 5

    ctx = Context(CancelledSoon(tmp_path), workdir=tmp_path, models=ModelCache())
    inputs = {"video": ctx.save(clip(50, pixels="yuv444p"), "video"), "audio": ctx.save(sound(2.0), "audio")}
    with pytest.raises(Cancelled):
        run_locally(remux.run, ctx, {}, inputs)


@pytest.mark.parametrize("made", [0, 1, 2])
def test_parts_have_the_sound_of_their_time(tmp_path: Path, made: int) -> None:
    """The sound of successive parts, each cut to its pictures, is the whole sound again, also after a resume."""
    counts = (25, 75, 50)
    ctx = local_context(tmp_path / "store")
    whole = read_audio(ctx.open(ctx.save(sound(6.0, click_s=4.5), "audio"))).samples
    pieces = np.split(whole, [RATE * 1, RATE * 3, RATE * 5])
    audio = [ctx.save(wav(piece), "audio") for piece in pieces]
    opened: list[str] = []

    def open_file(ref: AudioRef) -> Path:
        opened.append(ref.sha256)
        return ctx.open(ref)

    start_s = Fraction(sum(counts[:made]), FPS)
    parts, heard = SoundedParts(AudioReader(audio, open_file, float(start_s) - BEFORE_S), start_s), []
    for number, count in enumerate(counts[made:], made):
        silent, target = tmp_path / f"v{number}.mp4", tmp_path / f"part{number}.mp4"
        silent.write_bytes(clip(count, bframes=0))
        assert parts.make(silent, target) == Fraction(sum(counts[:number]), FPS)
        with av.open(str(target)) as container:
            assert [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size] == [
                Fraction(index, FPS) for index in range(count)
            ]
        heard.append(read_audio(target).samples[: count * RATE // FPS])
    joined, expected = np.concatenate(heard), whole[round(start_s * RATE) :]
    assert len(joined) == len(expected)
    assert np.sqrt(np.mean((joined - expected) ** 2)) < 0.1 * np.std(whole)
    assert abs(int(np.argmax(np.abs(joined))) - round((4.5 - start_s) * RATE)) < RATE // 50
    assert opened == [ref.sha256 for ref in audio[{0: 0, 1: 0, 2: 2}[made] :]], "it read what it could pass over"


def test_without_parts_the_file_is_the_same(tmp_path: Path) -> None:
    ctx = local_context(tmp_path / "store")
    video = ctx.save(clip(25, bframes=0), "video")
    audio = ctx.save(sound(1.0), "audio")
    whole = run_locally(remux.run, ctx, {}, {"video": video, "audio": audio})
    assert len(ctx.parts) == 0

    both: dict[str, Any] = {"video": video, "audio": audio}
    coming = Pieces([both], whole=both)
    ctx = local_context(tmp_path / "store")
    inputs = {
        "video": InParts(incoming=coming, output="video", kind=VideoRef),
        "audio": InParts(incoming=coming, output="audio", kind=AudioRef),
    }
    assert run_locally(remux.run, ctx, {}, inputs) == whole
    assert len(ctx.parts) == 1
