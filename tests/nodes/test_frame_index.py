"""The frame index: every frame decodes from the index and the bytes alone, and is the one that a player shows then."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nodes._frame_index import Damaged, NotIndexed, frame_index
from schemas.frame_index import FrameIndex
from tests.numbered_clips import numbered_clip

ALTREF = {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "200k", "g": "24", "cpu-used": "5"}
CLIPS = {
    "h264-b-frames": ("a.mp4", "libx264", {"options": {"g": "12", "bf": "3"}, "audio": True}),
    "h264-open-gop": ("a.mkv", "libx264", {"options": {"x264-params": "open-gop=1:keyint=8:bframes=3"}, "frames": 40}),
    "h264-fast-start": ("a.mp4", "libx264", {"container": {"movflags": "faststart"}}),
    "h264-fragments": (
        "a.mp4",
        "libx264",
        {"container": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "5"}},
    ),
    "h264-10-bit": ("a.mp4", "libx264", {"pix_fmt": "yuv420p10le"}),
    "h264-mov": ("a.mov", "libx264", {"fps": Fraction(30000, 1001)}),
    "hevc": ("a.mp4", "libx265", {"options": {"x265-params": "log-level=none:keyint=8:bframes=2"}}),
    "vp9": ("a.webm", "libvpx-vp9", {"options": ALTREF, "audio": True}),
    "vp9-mp4": ("a.mp4", "libvpx-vp9", {"options": ALTREF}),
    "vp9-444": ("a.webm", "libvpx-vp9", {"pix_fmt": "yuv444p", "options": {"profile": "1"}}),
    "vp8": ("a.webm", "libvpx", {"options": ALTREF, "frames": 40}),
    "av1": ("a.mp4", "libsvtav1", {"options": {"preset": "12", "svtav1-params": "keyint=8"}}),
    "av1-10-bit": ("a.mkv", "libsvtav1", {"pix_fmt": "yuv420p10le", "options": {"preset": "12"}}),
}


def index_of(path: Path) -> FrameIndex:
    with av.open(str(path)) as container, path.open("rb") as file:
        return frame_index(container, file, "0" * 64)


def shown(index: FrameIndex) -> list[int]:
    """Positions of the packets that are shown, in the order in which they are."""
    return sorted((p for p, time in enumerate(index.times) if time >= 0), key=lambda p: index.times[p])


def decoder(index: FrameIndex) -> Any:
    name = {"avc1": "h264", "hvc1": "hevc", "hev1": "hevc", "vp09": "vp9", "av01": "libdav1d"}.get(
        index.codec[:4], "vp8"
    )
    made: Any = av.CodecContext.create(name, "r")
    if index.description:
        made.extradata = base64.b64decode(index.description)
    made.thread_count = 1
    return made


def decode(index: FrameIndex, data: bytes, first: int, last: int) -> dict[int, np.ndarray[Any, Any]]:
    """Packets ``first`` to ``last`` by a decoder that sees nothing but the index and the bytes: packet -> image."""
    context, found = decoder(index), {}
    for p in range(first, last + 1):
        packet = av.Packet(data[index.offsets[p] : index.offsets[p] + index.sizes[p]])
        packet.pts = packet.dts = p
        for frame in context.decode(packet):
            found[frame.pts] = frame.to_ndarray(format="gray")
    for frame in context.decode(None):
        found[frame.pts] = frame.to_ndarray(format="gray")
    return found


def played(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_decodes_from_the_index_alone(name: str, tmp_path: Path) -> None:
    file, codec, how = CLIPS[name]
    path = numbered_clip(tmp_path / file, codec, **how)
    index, data, expected = index_of(path), path.read_bytes(), played(path)
    order = shown(index)
    assert len(order) == len(expected) == how.get("frames", 30)
    assert index.times[order[0]] == 0
    images = decode(index, data, 0, len(index.offsets) - 1)
    assert all(np.array_equal(images[p], expected[i]) for i, p in enumerate(order))
    fps = float(how.get("fps", 25))
    assert index.fps == pytest.approx(fps, rel=1e-4) and not index.variable
    assert index.duration_s == pytest.approx(len(order) / fps, abs=0.003)
    assert index.audio is bool(how.get("audio")) and index.bits == (10 if "10-bit" in name else 8)


@pytest.mark.parametrize("name", ["h264-b-frames", "h264-open-gop", "hevc", "vp9", "vp8", "av1"])
def test_a_frame_decodes_from_the_key_frame_that_the_index_names(name: str, tmp_path: Path) -> None:
    file, codec, how = CLIPS[name]
    path = numbered_clip(tmp_path / file, codec, **how)
    index, data, expected = index_of(path), path.read_bytes(), played(path)
    for i, p in enumerate(shown(index)):
        start = max(k for k in index.key if k <= p and index.times[k] <= index.times[p])
        assert np.array_equal(decode(index, data, start, p)[p], expected[i]), (i, p, start)


def test_codecs_are_named_as_browsers_name_them(tmp_path: Path) -> None:
    def named(clip: str, **more: Any) -> str:
        file, codec, how = CLIPS[clip]
        return index_of(numbered_clip(tmp_path / file, codec, **{**how, **more})).codec

    profile = {"options": {"profile": "baseline", "level": "3.0"}}
    assert named("h264-mov", **profile).startswith("avc1.42") and named("h264-mov", **profile).endswith("1e")
    assert named("h264-10-bit").startswith("avc1.6e")
    assert named("hevc").startswith(("hev1.1.6.L", "hvc1.1.6.L"))
    assert named("vp9") == "vp09.00.10.08" and named("vp9-444") == "vp09.01.10.08"
    assert named("av1").startswith("av01.0.") and named("av1").endswith("M.08") and named("av1-10-bit").endswith("M.10")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_told_clockwise(degrees: int, tmp_path: Path) -> None:
    index = index_of(numbered_clip(tmp_path / "a.mp4", rotation=degrees, frames=3))
    assert (index.rotation, index.width, index.height) == (degrees, 64, 48)


def test_a_variable_rate_and_wide_pixels_are_told(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240, 500, 520]
    index = index_of(numbered_clip(tmp_path / "a.mp4", frames=7, times=times, aspect=Fraction(4, 3)))
    unit = Fraction(*index.time_base)
    assert index.variable and index.pixel_aspect == pytest.approx(4 / 3, abs=1e-5)
    assert [round(float(index.times[p] * unit * 1000)) for p in shown(index)] == times


def test_frames_before_the_start_of_an_edit_list_are_decoded_and_not_shown(tmp_path: Path) -> None:
    path = numbered_clip(tmp_path / "a.mp4", options={"g": "30", "bf": "0", "sc_threshold": "0"})
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    entry = at + 8  # version, flags, count; then duration and media time
    media_time = int.from_bytes(data[entry + 4 : entry + 8])
    unit = index_of(path).time_base[1]
    data[entry + 4 : entry + 8] = (media_time + unit * 10 // 25).to_bytes(4)
    path.write_bytes(data)
    index, expected = index_of(path), played(path)
    order = shown(index)
    assert index.times[:10] == [-1] * 10 and index.times[order[0]] == 0 and len(order) == len(expected) == 20
    images = decode(index, bytes(data), 0, 29)
    assert all(np.array_equal(images[p], expected[i]) for i, p in enumerate(order))


def test_an_hour_is_indexed_in_full(tmp_path: Path) -> None:
    source, path = (
        numbered_clip(tmp_path / "a.mp4", frames=250, options={"g": "250", "sc_threshold": "0"}),
        tmp_path / "hour.mp4",
    )
    with av.open(str(source)) as one, av.open(str(path), "w") as hour:
        template = one.streams.video[0]
        target, packets = hour.add_stream_from_template(template), list(one.demux(template))[:-1]
        step = round(Fraction(10) / template.time_base)
        for piece in range(360):
            for packet in packets:
                copied = av.Packet(bytes(packet))
                copied.pts, copied.dts = packet.pts + piece * step, packet.dts + piece * step
                copied.time_base, copied.duration, copied.is_keyframe = (
                    packet.time_base,
                    packet.duration,
                    packet.is_keyframe,
                )
                copied.stream = target
                hour.mux(copied)
    index = index_of(path)
    assert len(index.offsets) == 90_000 and len(index.key) == 360
    assert index.duration_s == pytest.approx(3600, abs=0.1) and not index.variable


def test_files_without_frames_are_refused_with_the_reason(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as target:
        sound: Any = target.add_stream("aac", rate=48_000, layout="mono")
        for _ in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48_000
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    with pytest.raises(NotIndexed, match="without video"):
        index_of(tmp_path / "a.m4a")
    with pytest.raises(NotIndexed, match="codec mpeg4"):
        index_of(numbered_clip(tmp_path / "old.mp4", "mpeg4", frames=3))
    with av.open(str(tmp_path / "none.mp4"), "w", options={"movflags": "empty_moov"}) as target:
        empty: Any = target.add_stream("libx264", rate=25)
        empty.width = empty.height = 64
        empty.pix_fmt = "yuv420p"
        empty.codec_context.open()
        target.start_encoding()
    with pytest.raises(NotIndexed, match="without frames"):
        index_of(tmp_path / "none.mp4")


@pytest.mark.parametrize("file,codec", [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9")])
def test_a_file_that_was_cut_off_is_said_to_be(file: str, codec: str, tmp_path: Path) -> None:
    moved = {"movflags": "faststart"} if file.endswith("mp4") else {}
    path = numbered_clip(tmp_path / file, codec, container=moved)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(Damaged):
        index_of(path)
