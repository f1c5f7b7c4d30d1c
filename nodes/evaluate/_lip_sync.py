"""A proxy for lip sync: how well the lips follow the loudness and how late the audio is, with its chance level.

Method: Pearson correlation of the lip opening (face mesh) with the loudness in decibels, both high-pass filtered, over
shifts of up to half a second in either direction. It distinguishes loud from quiet, not one phoneme from another: a
mouth that merely follows the loudness scores as well as one that speaks. The chance level is the same measure with the
audio rotated by fractions of the clip's length, which preserves everything but the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face.landmarks import EYE_LEFT_UPPER, EYE_RIGHT_UPPER, LIPS_LOWER_INNER, LIPS_UPPER_INNER
from nodes.evaluate._unmeasured import Unmeasured

_UPPER, _LOWER = LIPS_UPPER_INNER[4:7], LIPS_LOWER_INNER[4:7]  # the three point pairs in the middle
STEP_S = 0.01
REACH_S = 0.5
_SMOOTH_STEPS = 15  # 150 ms Hann window, about a syllable; it gave the highest peak over chance on spoken clips
_SLOW_STEPS = 100  # 1 s Hann window; removing the contour of phrases trebled the distance to the second-best lag
_GAP_S = 0.2  # samples further apart belong to separate runs of frames
_RANGE_DB = 50.0  # below the loudest 1 %; anything quieter counts as silence
_SILENT = 1e-4  # -80 dBFS
_STILL = 0.008  # standard deviation of the opening; mesh noise is 0.002–0.004 on a still face
_ROTATIONS = 24
_MIN_DURATION_S = 3.0  # leaves 0.7 s of rotations that cannot match
_MIN_SAMPLES = 20


@dataclass(frozen=True)
class LipSync:
    """Result of the lip-sync proxy.

    Attributes:
        lag_ms: delay of the audio after the lips; None if the match is no better than chance.
        correlation: correlation at that shift, -1 to 1.
        shuffled: mean of the maximum correlation over rotations of the audio.
        shuffled_most: the largest of these maxima.
    """

    lag_ms: float | None
    correlation: float
    shuffled: float
    shuffled_most: float


def mouth_opening(points: NDArray[Any]) -> float:
    """Gap between the inner lips / distance of the outer eye corners, from a (468, 3) mesh. Closed 0.03, wide 0.2."""
    upper, lower = points[list(_UPPER), :2], points[list(_LOWER), :2]
    eyes = np.linalg.norm(points[EYE_LEFT_UPPER[0], :2] - points[EYE_RIGHT_UPPER[-1], :2])
    return float(np.linalg.norm(upper - lower, axis=1).mean() / max(eyes, 1e-6))


def loudness(samples: NDArray[Any], rate_hz: int) -> NDArray[Any]:
    """(N,) samples -> one value per 10 ms: smoothed decibels above the floor. Raises Unmeasured for silence."""
    hop = round(rate_hz * STEP_S)
    steps = len(samples) // hop
    rms = np.sqrt((samples[: steps * hop].reshape(steps, hop).astype(np.float64) ** 2).mean(1))
    peak = float(np.quantile(rms, 0.99)) if steps else 0.0
    if peak < _SILENT:
        raise Unmeasured("the audio is silent")
    level = np.maximum(0.0, 20 * np.log10(np.maximum(rms, 1e-9) / peak) + _RANGE_DB)
    window = np.hanning(_SMOOTH_STEPS + 2)[1:-1]
    return np.convolve(level, window / window.sum(), "same")


def lip_sync(times_s: Sequence[float], openings: Sequence[float], level: NDArray[Any]) -> LipSync:
    """Compare the lip openings at some times with the loudness of the whole clip.

    Args:
        times_s: times of the openings, increasing; runs of a second or more with steps of 0.1 s or less.
        openings: from ``mouth_opening``.
        level: from ``loudness``.

    Raises:
        Unmeasured: the clip is too short, too few frames show a face, or the mouth or the loudness does not change.
    """
    times, lips = np.asarray(times_s, float), np.asarray(openings, float)
    if len(lips) < _MIN_SAMPLES:
        raise Unmeasured(f"a face was found in {len(lips)} frames, and at least {_MIN_SAMPLES} are required")
    if len(level) * STEP_S < _MIN_DURATION_S:
        raise Unmeasured(
            f"the audio lasts {len(level) * STEP_S:.1f} s, and at least {_MIN_DURATION_S:g} s are required"
        )
    if lips.std() < _STILL:
        raise Unmeasured(
            f"the mouth does not move (the standard deviation of its opening is {lips.std():.4f}, "
            f"and at least {_STILL} is required)"
        )
    if level.std() < 1.0:
        raise Unmeasured("the loudness does not change")
    lips, level = _detrended_lips(times, lips), _detrended(level)
    shifts = np.arange(-round(REACH_S / STEP_S), round(REACH_S / STEP_S) + 1)
    curve = _correlations(times, lips, level, shifts)
    # The true lag and the searched shift may lie at opposite ends. Audio rotated by less than their sum could still
    # match itself.
    least = 2 * round(REACH_S / STEP_S) + _SMOOTH_STEPS
    rotations = np.linspace(least, len(level) - least, _ROTATIONS).astype(int)
    chance = [float(_correlations(times, lips, np.roll(level, int(steps)), shifts).max()) for steps in rotations]
    best = int(curve.argmax())
    found = float(curve[best]) > max(chance)
    return LipSync(
        lag_ms=round((shifts[best] + _vertex(curve, best)) * STEP_S * 1000, 1) if found else None,
        correlation=float(curve[best]),
        shuffled=float(np.mean(chance)),
        shuffled_most=max(chance),
    )


def _detrended(curve: NDArray[Any]) -> NDArray[Any]:
    """A curve in 10 ms steps, without changes over a second and longer."""
    window = np.hanning(_SLOW_STEPS + 2)[1:-1]
    reach = len(window) // 2
    padded = np.pad(curve, (reach, len(window) - 1 - reach))
    inside = np.pad(np.ones_like(curve), (reach, len(window) - 1 - reach))
    slow: NDArray[Any] = np.convolve(padded, window, "valid") / np.convolve(inside, window, "valid")
    fast: NDArray[Any] = curve - slow
    return fast


def _detrended_lips(times: NDArray[Any], lips: NDArray[Any]) -> NDArray[Any]:
    """The same for samples at given times: each run is resampled to 10 ms steps and back."""
    runs = np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > _GAP_S) + 1)
    fast = np.empty_like(lips)
    for run in runs:
        steps = np.arange(times[run[0]], times[run[-1]] + STEP_S, STEP_S)
        fast[run] = np.interp(times[run], steps, _detrended(np.interp(steps, times[run], lips[run])))
    return fast


def _correlations(times: NDArray[Any], lips: NDArray[Any], level: NDArray[Any], shifts: NDArray[Any]) -> NDArray[Any]:
    """Correlation of lips(t) with level(t + shift) for each shift, in steps; the level is 0 outside the clip."""
    centred = (lips - lips.mean()) / max(float(lips.std()), 1e-9)
    at = (np.arange(len(level)) + 0.5) * STEP_S
    shifted = np.stack([np.interp(times + shift * STEP_S, at, level, left=0.0, right=0.0) for shift in shifts])
    spread = shifted.std(1)
    products: NDArray[Any] = (shifted - shifted.mean(1, keepdims=True)) @ centred
    correlations: NDArray[Any] = products / (len(lips) * np.maximum(spread, 1e-9))
    return correlations


def _vertex(curve: NDArray[Any], best: int) -> float:
    """Offset of the peak from its step, -0.5 to 0.5, by a parabola through the step and its neighbours."""
    if not 0 < best < len(curve) - 1:
        return 0.0
    left, top, right = curve[best - 1 : best + 2]
    bend = left - 2 * top + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0
