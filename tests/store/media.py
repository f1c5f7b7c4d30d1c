"""Small real media files, made in a few milliseconds."""

from __future__ import annotations

import math
import wave
from pathlib import Path


def write_clip(path: Path, seconds: float = 1.0, size: int = 160, fps: int = 25, hue: int = 0) -> Path:
    """Write an H.264 clip of a moving bar."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(round(seconds * fps)):
            frame = np.full((size, size, 3), (40 + hue, 60, 90), np.uint8)
            left = (index * 4) % (size - 20)
            frame[:, left : left + 20] = (240, 200, 80)
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_tone(path: Path, seconds: float = 1.0, rate: int = 24_000) -> Path:
    """Write a 440 Hz tone, 16-bit mono."""
    samples = (int(9000 * math.sin(2 * math.pi * 440 * i / rate)) for i in range(round(seconds * rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    return path
