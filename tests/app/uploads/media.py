"""Generated images, audio files and videos, including malformed ones."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave
import zipfile
import zlib
from functools import cache
from typing import Any

import av
import numpy as np
from PIL import Image


def picture(format_name: str = "PNG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """A gradient image, so that all sides differ."""
    width, height = size
    x = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    out = io.BytesIO()
    Image.fromarray(np.stack([x, y, 255 - x], 2).astype(np.uint8)).save(out, format=format_name, **options)
    return out.getvalue()


def frames(format_name: str, count: int = 3) -> bytes:
    """Several images in one file."""
    images = [Image.new("RGB", (40, 30), (80 * i, 10, 10)) for i in range(count)]
    out = io.BytesIO()
    images[0].save(out, format=format_name, save_all=True, append_images=images[1:], duration=100)
    return out.getvalue()


def wav(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, level: float = 0.3, hertz: float = 220.0) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    one = np.clip(level * np.sin(2 * np.pi * hertz * t), -1, 1) * 32767
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(one.astype("<i2"), channels).tobytes())
    return out.getvalue()


@cache
def sound(codec: str, container: str, seconds: float = 1.0, rate: int = 48_000) -> bytes:
    """A tone encoded by FFmpeg."""
    t = np.arange(int(seconds * rate)) / rate
    samples = (0.3 * np.sin(2 * np.pi * 220 * t) * 32767).astype(np.int16)[None]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return out.getvalue()


@cache
def video(
    codec: str = "libx264",
    container: str = "mp4",
    count: int = 50,
    size: tuple[int, int] = (160, 120),
    fps: int = 25,
    tone: bool = False,
    **metadata: str,
) -> bytes:
    """A video whose frames get brighter, with optional audio."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        for key, value in metadata.items():
            file.metadata[key] = value
        stream = file.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        heard = file.add_stream("aac", rate=48_000, layout="mono") if tone else None
        for i in range(count):
            shade = np.full((size[1], size[0], 3), 255 * i // count, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="rgb24")
            frame.pts = i
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)
        if heard is not None:
            samples = np.zeros((1, 48_000 * count // fps), np.int16)
            silence = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            silence.sample_rate, silence.pts = 48_000, 0
            for packet in (*heard.encode(silence), *heard.encode(None)):
                file.mux(packet)
    return out.getvalue()


@cache
def av1() -> bytes:
    """An MP4 with AV1, encoded in a separate process: as root, the encoder makes its process a real-time one, and
    its threads would block two cores for all other processes."""
    code = "import sys; from tests.app.uploads.media import video; sys.stdout.buffer.write(video('libsvtav1', 'mp4'))"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout


def recorded(codec: str = "libopus", seconds: float = 2.0) -> bytes:
    """WebM like that of a browser's recorder: written while recording, so without a length or an index."""
    out = io.BytesIO()
    with av.open(out, "w", format="webm", options={"live": "1"}) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else 25)
        if codec == "libopus":
            stream.layout = "mono"
            tone = (0.3 * np.sin(np.arange(int(48_000 * seconds)) / 35) * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 0
            file.mux(stream.encode(frame))
        else:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for i in range(int(25 * seconds)):
                shade = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i, np.uint8), format="rgb24")
                shade.pts = i + i % 2  # webcams have irregular frame times
                file.mux(stream.encode(shade))
        file.mux(stream.encode(None))
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in (files or {"a.txt": b"hello"}).items():
            file.writestr(name, data)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, data: bytes | None = None, extra: bytes = b"") -> bytes:
    """A PNG whose header claims this size, regardless of its data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(data if data is not None else b"\0" * 64, 9))
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + chunk(b"IEND", b"")


def wav_claiming(seconds: float, real: bytes = b"\0" * 32_000, rate: int = 16_000) -> bytes:
    """A WAV whose header claims more data than it has."""
    claimed = int(seconds * rate * 2)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", claimed + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return head + struct.pack("<4sI", b"data", claimed) + real


def wav_of(rate: int, channels: int, bits: int = 16, code: int = 1, data: bytes = b"\0" * 32_000) -> bytes:
    """A WAV with an arbitrary header."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, (rate * frame) & 0xFFFFFFFF, frame & 0xFFFF, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + fmt
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an MP4."""
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body
