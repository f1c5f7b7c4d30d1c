"""Measures the waveform of audio, for a drawing. Runs in the inspection process only."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from workbench.client.inspection.containers import audio_stream, opened
from workbench.client.inspection.file_formats import family_of
from workbench.client.inspection.upload_errors import refused, unreadable

RATE_HZ = 16_000
BLOCK = 64  # samples; an hour is a million of blocks


def peaks(path: Path, format_name: str, points: int) -> list[float]:
    """The largest amplitude of each of ``points`` equal sections, 0 to 1, of an audio file or of a video's audio.

    Raises WorkbenchError: upload.refused, upload.unreadable.
    """
    if family_of(format_name) == "image":
        raise refused("an image", "Choose an audio or video file.", "audio or video")
    with opened(path, format_name) as container:
        stream = audio_stream(container)
        if stream is None:
            raise unreadable("the file contains no audio")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        blocks, rest = [], np.zeros(0, np.int16)
        for frame in container.decode(stream):
            frame.pts = None
            for part in resampler.resample(frame):
                samples = np.concatenate([rest, part.to_ndarray().reshape(-1)])
                whole = samples.size // BLOCK * BLOCK
                rest = samples[whole:]
                blocks.append(_loudest(samples[:whole].reshape(-1, BLOCK)))
    if rest.size:
        blocks.append(_loudest(rest[None]))
    loudest = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not loudest.size:
        raise unreadable("no audio could be decoded")
    if loudest.size < points:  # shorter than half a second
        loudest = loudest[np.arange(points) * loudest.size // points]
    starts = np.arange(points) * loudest.size // points
    return [round(float(peak), 3) for peak in np.maximum.reduceat(loudest, starts)]


def _loudest(samples: np.ndarray) -> np.ndarray:
    """(n, k) int16 -> (n,) float32, 0 to 1."""
    loudest: np.ndarray = np.abs(samples.astype(np.int32)).max(axis=1)
    return np.minimum(loudest / 32_768, 1.0).astype(np.float32)
