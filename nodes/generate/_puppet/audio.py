"""Decodes the speech to samples and measures its loudness over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nodes.sdk import NodeError

STEP_S = 0.005  # tracks are computed at 200 Hz and sampled at the frames
_WINDOW_S = 0.030
_RANGE_DB = 34.0  # from loud vowels down to silence


@dataclass(frozen=True)
class AudioSamples:
    """samples: (N,) float32, -1 to 1, mono; rate_hz: samples per second."""

    samples: NDArray[Any]
    rate_hz: int

    def frames(self, fps: int) -> int:
        """Number of video frames that cover the audio: ceil(duration * fps), in exact arithmetic."""
        return -(-len(self.samples) * fps // self.rate_hz)


def read_audio(path: Path) -> AudioSamples:
    """Decode an audio file to mono at its own rate. Raises NodeError: not audio, or empty."""
    blocks = list(audio_blocks([path]))
    return AudioSamples(np.concatenate([block.samples for block in blocks]), blocks[0].rate_hz)


def audio_blocks(paths: Iterable[Path]) -> Iterator[AudioSamples]:
    """Decode files that continue each other to mono, block by block. Raises NodeError: not audio, or empty."""
    empty = True
    for path in paths:
        for block in _decoded(path):
            empty = False
            yield block
    if empty:
        raise NodeError(
            "the audio is empty",
            where="audio",
            seen="0 samples",
            allowed="at least one sample",
            remedy="Check the node that produced the audio: it wrote a file without samples.",
        )


def _decoded(path: Path) -> Iterator[AudioSamples]:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate_hz = int(stream.rate)
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
            for frame in chain(container.decode(stream), [None]):
                for out in resampler.resample(frame):
                    yield AudioSamples(out.to_ndarray()[0].astype(np.float32), rate_hz)
    except (av.FFmpegError, IndexError) as error:
        raise NodeError(
            "the audio cannot be decoded",
            where="audio",
            seen=f"{type(error).__name__}: {error}",
            allowed="a wav, mp3, flac or ogg file with an audio track",
            remedy="Convert the recording to wav.",
        ) from error


@dataclass(frozen=True)
class Loudness:
    """Tracks with one value every STEP_S.

    level: 0 (silence) to 1 (the loud vowels of this recording); bright: share of the energy above 3 kHz, 0 to 1;
    front: -1 (dark, rounded vowels) to 1 (bright, spread vowels), from the balance of 0.3-1 kHz and 1.5-3 kHz.
    """

    level: NDArray[Any]
    bright: NDArray[Any]
    front: NDArray[Any]


def loudness(audio: AudioSamples) -> Loudness:
    """From a short-time spectrum in windows of 30 ms, every 5 ms; levels are relative to the recording's loudness."""
    step, size = audio.rate_hz * STEP_S, max(64, int(audio.rate_hz * _WINDOW_S))
    count = max(1, int(np.ceil(len(audio.samples) / step)))
    padded = np.pad(audio.samples, (size // 2, size))
    starts = np.round(np.arange(count) * step).astype(np.int64)
    window = np.hanning(size).astype(np.float32)
    freqs = np.fft.rfftfreq(size, 1 / audio.rate_hz)
    bands = [(freqs >= low) & (freqs < high) for low, high in ((80, 1e9), (3000, 1e9), (300, 1000), (1500, 3000))]
    energies = np.empty((4, count), np.float32)
    for first in range(0, count, 4096):  # in blocks, because an hour of speech would not fit in memory
        block = padded[starts[first : first + 4096, None] + np.arange(size)] * window
        power = np.abs(np.fft.rfft(block, axis=1)) ** 2
        for row, band in enumerate(bands):
            energies[row, first : first + 4096] = power[:, band].sum(1)
    total, high, low_mid, upper_mid = energies + 1e-9
    decibel = 10 * np.log10(total)
    loud = np.percentile(decibel, 95)
    audible = loud > -40  # digital silence must not be scaled up to speech
    level = np.clip((decibel - (loud - _RANGE_DB)) / _RANGE_DB, 0, 1) if audible else np.zeros(count)
    front = np.tanh(0.5 * (np.log(upper_mid / low_mid) + 2.0))
    return Loudness(level.astype(np.float32), high / total, front.astype(np.float32))
