"""The mel spectrogram that Wav2Lip was trained with: 80 bands of 16 kHz sound, 80 steps a second, from -4 to 4.

Method: magnitudes of a short-time Fourier transform after pre-emphasis, in the mel scale of Slaney's Auditory Toolbox
(linear below 1 kHz, logarithmic above) with filters of equal area, in decibels. Own code on numpy, licence
BSD-3-Clause, after the published parameters. Before and after the sound is silence.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
HOP = 200  # samples from one step to the next
WINDOW = 800  # samples
BANDS = 80
SILENCE = -4.0

_FMIN_HZ, _FMAX_HZ = 55.0, 7600.0
_PRE_EMPHASIS = 0.97
_REFERENCE_DB, _LEAST_DB = 20.0, -100.0
_HZ_PER_MEL = 200 / 3  # below _BREAK_HZ
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27  # above it: 27 mels from 1 to 6.4 kHz


def mel_steps(samples: NDArray[Any], count: int) -> NDArray[Any]:
    """The (80, count) float32 mel spectrogram, -4 to 4, of the first ``count`` steps.

    Args:
        samples: (N,) float32, -1 to 1, at 16 kHz, with N at least (count - 1) * HOP + WINDOW + 1. Its first one comes
            before the window of step 0, and only sets the pre-emphasis of the next.
    """
    emphasised = samples[1:] - _PRE_EMPHASIS * samples[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[: (count - 1) * HOP + 1 : HOP]
    magnitudes = np.abs(np.fft.rfft(windows * _hann(), axis=1))  # (count, 401)
    least = 10 ** (_LEAST_DB / 20)
    decibels = 20 * np.log10(np.maximum(least, magnitudes @ basis().T)) - _REFERENCE_DB
    scaled = 8 * (decibels - _LEAST_DB) / -_LEAST_DB - 4
    clipped: NDArray[Any] = np.clip(scaled, -4, 4).T.astype(np.float32)
    return clipped


@cache
def basis() -> NDArray[Any]:
    """The (80, 401) float64 filters: triangles over the frequencies of the transform, each of area 1 over Hz."""
    corners = _hz(np.linspace(_mel(_FMIN_HZ), _mel(_FMAX_HZ), BANDS + 2))[:, None]
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    filters: NDArray[Any] = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return filters


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return float(_BREAK_HZ / _HZ_PER_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _hz(mel: NDArray[Any]) -> NDArray[Any]:
    at_break = _BREAK_HZ / _HZ_PER_MEL
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, at_break) - at_break))
    return np.where(mel < at_break, mel * _HZ_PER_MEL, above)


@cache
def _hann() -> NDArray[Any]:
    """The periodic one: its period is the length of the window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
