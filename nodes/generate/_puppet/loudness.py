"""Measures how loud and how bright the speech is over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.generate._audio_blocks import AudioSamples

STEP_S = 0.005  # tracks are computed at 200 Hz and sampled at the frames
_WINDOW_S = 0.030
_RANGE_DB = 34.0  # from loud vowels down to silence


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
