"""Every entry point accepts the same files: HTTP, and paths as the command line and Python use them."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from schemas.errors import WorkbenchError
from tests.app.uploads.conftest import Post
from tests.app.uploads.media import picture, sound, video, wav
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file

pytestmark = pytest.mark.stack


def sixteen_bits(format_name: str) -> bytes:
    """A grey gradient with 16 bits per pixel."""
    out = io.BytesIO()
    Image.fromarray(np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)).save(out, format=format_name)
    return out.getvalue()


def stereo(right: float) -> bytes:
    """Four seconds of a tone; the right channel is the left one times ``right``."""
    left = 9000 * np.sin(np.arange(4 * 16_000) / 11)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.stack([left, right * left], 1).astype("<i2").tobytes())
    return out.getvalue()


def two_tracks() -> bytes:
    """Matroska audio with two tones, of which the second is the default."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        streams = [file.add_stream("flac", rate=16_000, layout="mono") for _ in range(2)]
        streams[0].disposition, streams[1].disposition = 0, 1
        for stream, step in zip(streams, (20, 7), strict=True):
            samples = (9000 * np.sin(np.arange(4 * 16_000) / step)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                file.mux(packet)
    return out.getvalue()


def without_channels() -> bytes:
    spoiled = bytearray(wav(4.0))
    spoiled[22:24] = struct.pack("<H", 0)
    return bytes(spoiled)


# name -> (file, kind, format)
ACCEPTED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "grey PNG of 16 bits": (lambda: sixteen_bits("PNG"), "image", "png"),
    "TIFF": (lambda: picture("TIFF"), "image", "tiff"),
    "compressed TIFF": (lambda: picture("TIFF", compression="tiff_lzw"), "image", "tiff"),
    "TIFF of 16 bits": (lambda: sixteen_bits("TIFF"), "image", "tiff"),
    "BMP": (lambda: picture("BMP"), "image", "bmp"),
    "AVIF": (lambda: picture("AVIF"), "image", "avif"),
    "AIFF": (lambda: sound("pcm_s16be", "aiff"), "audio", "aiff"),
    "Matroska audio": (lambda: sound("flac", "matroska"), "audio", "mka"),
    "MOV with PCM": (lambda: sound("pcm_s16le", "mov"), "audio", "mov"),
    "lossless M4A": (lambda: sound("alac", "ipod"), "audio", "m4a"),
    "audio of an MP4 video": (lambda: video(tone=True), "audio", "m4a"),
    "audio of a MOV video": (lambda: video(container="mov", tone=True), "audio", "mov"),
    "MOV video": (lambda: video(container="mov", tone=True), "video", "mov"),
    "Matroska video": (lambda: video(container="matroska"), "video", "matroska"),
}
# name -> (file, kind, code, a word of the message)
REFUSED: dict[str, tuple[Callable[[], bytes], str, str, str]] = {
    "wav without channels": (without_channels, "audio", "upload.refused", "0 "),
    "wav without samples": (lambda: wav(0.0), "audio", "upload.unreadable", "no audio samples"),
    "truncated wav": (lambda: wav(8.0)[:100_000], "audio", "upload.unreadable", "truncated"),
    "video without audio": (video, "audio", "upload.refused", "a video without audio"),
    "image as audio": (picture, "audio", "upload.refused", "an image"),
    "audio as image": (lambda: wav(4.0), "image", "upload.refused", "an audio file"),
    "text as audio": (lambda: b"These are words.", "audio", "upload.refused", "unknown type"),
}


def by_path(deployment: Deployment, folder: Path, content: bytes, kind: str) -> tuple[str, list[str]]:
    """The digest and the warnings that the command line and Python get."""
    file = folder / "given"
    file.write_bytes(content)
    ref, warnings = store_file(deployment, file, kind)
    return ref.sha256, [warning.code for warning in warnings]


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_entry_point_accepts_the_format(post: Post, deployment: Deployment, tmp_path: Path, name: str) -> None:
    make, kind, format_name = ACCEPTED[name]
    content = make()
    answer = post(content, kind=kind)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["facts"]["format"] == format_name
    warnings = [warning["code"] for warning in body["warnings"]]
    assert by_path(deployment, tmp_path, content, kind) == (body["ref"]["sha256"], warnings)


@pytest.mark.parametrize("name", REFUSED)
def test_every_entry_point_refuses_with_the_same_words(
    post: Post, deployment: Deployment, tmp_path: Path, name: str
) -> None:
    make, kind, code, word = REFUSED[name]
    content = make()
    answer = post(content, kind=kind).json()
    with pytest.raises(WorkbenchError) as refusal:
        by_path(deployment, tmp_path, content, kind)
    error = refusal.value
    assert (answer["code"], answer["error"], answer["details"]["remedy"]) == (error.code, error.message, error.remedy)
    assert error.code == code and word in f"{error.message} {error.seen}"


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_shades(deployment: Deployment, tmp_path: Path, format_name: str) -> None:
    (tmp_path / "deep").write_bytes(sixteen_bits(format_name))
    ref, _ = store_file(deployment, tmp_path / "deep", "image")
    shades = np.asarray(Image.open(deployment.open(ref)).convert("L"), dtype=int)
    assert shades[0, 0] == 0 and shades[-1, -1] == 255 and abs(shades[24, 0] - 128) <= 1


def read_wav(path: Path) -> Any:
    """(n, channels) int16."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


@pytest.mark.parametrize(("right", "warned"), [(-1.0, True), (-0.7, True), (1.0, False), (0.0, False)])
def test_channels_in_opposite_phase_do_not_cancel_each_other(
    deployment: Deployment, tmp_path: Path, right: float, warned: bool
) -> None:
    (tmp_path / "a.wav").write_bytes(stereo(right))
    ref, warnings = store_file(deployment, tmp_path / "a.wav", "audio")
    assert ("audio.phase" in [warning.code for warning in warnings]) is warned
    samples = read_wav(deployment.open(ref)).astype(float)
    assert np.abs(samples.mean(1)).max() > 0.45 * 9000


def test_of_two_tracks_the_default_one_is_used_and_named(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "a.mka").write_bytes(two_tracks())
    ref, warnings = store_file(deployment, tmp_path / "a.mka", "audio")
    assert [(one.code, "track 2 is used" in one.message) for one in warnings] == [("audio.tracks", True)]
    samples = read_wav(deployment.open(ref))[:, 0].astype(float)
    hertz = np.fft.rfft(samples).__abs__().argmax() / (len(samples) / 16_000)
    assert hertz == pytest.approx(16_000 / (2 * np.pi * 7), rel=0.02)


def test_a_path_without_a_file_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="there is no file"):
        store_file(deployment, tmp_path / "none.png", "image")
