"""Clips whose frames tell their number by their brightness, in many codecs, for tests of frame indexes and players."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


@contextlib.contextmanager
def usual_priority() -> Iterator[None]:
    """Restore how this process is scheduled. As root, SVT-AV1 gives the process that encodes real-time priority, which
    its children inherit: a server that they spin in would starve the machine."""
    if not hasattr(os, "sched_setscheduler"):  # macOS
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def numbered_clip(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = 30,
    size: tuple[int, int] = (64, 48),
    fps: Fraction | int = 25,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    audio: bool = False,
    container: dict[str, str] | None = None,
) -> Path:
    """Write a clip.

    Args:
        times: of the frames in milliseconds, for a variable rate.
        rotation: degrees clockwise by which players turn it.
        container: options of the muxer.
    """
    width, height = size
    with usual_priority(), av.open(str(path), "w", options=container or {}) as target:
        stream: Any = target.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.options = options or {}
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(-rotation)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        sound = (
            target.add_stream("aac" if path.suffix in (".mp4", ".mov") else "libopus", rate=48_000) if audio else None
        )
        for number in range(frames):
            image = np.full((height, width, 3), 16 + number * 7 % 224, np.uint8)
            image[:, : width // 2] = (number * 37 % 224) + 16
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1) / fps if times is None else Fraction(1, 1000)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if sound is not None:
            rate, samples = 48_000, int(frames / fps * 48_000)
            tone = av.AudioFrame.from_ndarray(
                (np.sin(np.arange(samples) / 20)[None] * 0.3).astype(np.float32), format="fltp", layout="mono"
            )
            tone.sample_rate = rate
            sound_any: Any = sound
            resampler = av.AudioResampler(
                sound_any.format, sound_any.layout, rate, sound_any.codec_context.frame_size or 960
            )
            for part in [*resampler.resample(tone), *resampler.resample(None)]:
                target.mux(sound_any.encode(part))
            target.mux(sound_any.encode(None))
    return path
