"""Whether the lips move with the sound, and by how much the sound is late: a proxy, with its chance level beside it.

Method: Pearson correlation of the opening of the lips (face mesh) with the loudness in decibels, both without their
slow course, over shifts of half a second either way. It knows loud from quiet, not one sound from another: a mouth
that flaps with the loudness scores as well as one that speaks. The same is computed with the sound turned round by
parts of the clip's length, which keeps everything about it but the match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face.landmarks import EYE_LEFT_UPPER, EYE_RIGHT_UPPER, LIPS_LOWER_INNER, LIPS_UPPER_INNER
from nodes.evaluate._unmeasured import Unmeasured

_UPPER, _LOWER = LIPS_UPPER_INNER[4:7], LIPS_LOWER_INNER[4:7]  # the three pairs around the middle
STEP_S = 0.01
REACH_S = 0.5
_SMOOTH_STEPS = 15  # 150 ms Hann: about a syllable; it gave the highest peak over chance on spoken clips
_SLOW_STEPS = 100  # 1 s Hann: taking the course of phrases out trebled the distance to the second-best lag
_GAP_S = 0.2  # moments further apart belong to separate runs of frames
_RANGE_DB = 50.0  # below the loudest 1 %: what is quieter counts as silence
_SILENT = 1e-4  # -80 dBFS
_STILL = 0.008  # standard deviation of the opening; the mesh wavers by 0.002–0.004 on a still face
_TURNS = 24
_LEAST_S = 3.0  # leaves 0.7 s of turns that cannot match
_LEAST_SAMPLES = 20


@dataclass(frozen=True)
class LipSync:
    """Attributes:
    lag_ms: how much later than the lips the sound is; None where the match is no better than chance.
    correlation: at that shift, -1..1.
    shuffled: mean of the same maximum over turned sounds.
    shuffled_most: the largest of them.
    """

    lag_ms: float | None
    correlation: float
    shuffled: float
    shuffled_most: float


def mouth_opening(points: NDArray[Any]) -> float:
    """Gap between the inner lips / distance of the outer eye corners, of a (468, 3) mesh. Closed 0.03, wide 0.2."""
    upper, lower = points[list(_UPPER), :2], points[list(_LOWER), :2]
    eyes = np.linalg.norm(points[EYE_LEFT_UPPER[0], :2] - points[EYE_RIGHT_UPPER[-1], :2])
    return float(np.linalg.norm(upper - lower, axis=1).mean() / max(eyes, 1e-6))


def loudness(samples: NDArray[Any], rate_hz: int) -> NDArray[Any]:
    """(N,) samples -> one value each 10 ms: decibels above the floor, smoothed. Raises Unmeasured on silence."""
    hop = round(rate_hz * STEP_S)
    steps = len(samples) // hop
    rms = np.sqrt((samples[: steps * hop].reshape(steps, hop).astype(np.float64) ** 2).mean(1))
    peak = float(np.quantile(rms, 0.99)) if steps else 0.0
    if peak < _SILENT:
        raise Unmeasured("the sound is silent")
    level = np.maximum(0.0, 20 * np.log10(np.maximum(rms, 1e-9) / peak) + _RANGE_DB)
    window = np.hanning(_SMOOTH_STEPS + 2)[1:-1]
    return np.convolve(level, window / window.sum(), "same")


def lip_sync(times_s: Sequence[float], openings: Sequence[float], level: NDArray[Any]) -> LipSync:
    """Compare the lips at some moments with the loudness of the whole clip.

    Args:
        times_s: when the openings were seen, rising; runs of a second or more with 0.1 s or less between.
        openings: from ``mouth_opening``.
        level: from ``loudness``.

    Raises:
        Unmeasured: too short, too few faces, a mouth that does not move, a sound that does not change.
    """
    times, lips = np.asarray(times_s, float), np.asarray(openings, float)
    if len(lips) < _LEAST_SAMPLES:
        raise Unmeasured(f"the face was seen in {len(lips)} frames; {_LEAST_SAMPLES} are needed")
    if len(level) * STEP_S < _LEAST_S:
        raise Unmeasured(f"the sound lasts {len(level) * STEP_S:.1f} s; {_LEAST_S:g} s are needed")
    if lips.std() < _STILL:
        raise Unmeasured(f"the mouth does not move (spread of its opening {lips.std():.4f}, at least {_STILL})")
    if level.std() < 1.0:
        raise Unmeasured("the loudness does not change")
    lips, level = _quick_lips(times, lips), _quick(level)
    shifts = np.arange(-round(REACH_S / STEP_S), round(REACH_S / STEP_S) + 1)
    curve = _correlations(times, lips, level, shifts)
    # The true lag and the search may lie at opposite ends: turned by less than both together, a sound matches itself.
    least = 2 * round(REACH_S / STEP_S) + _SMOOTH_STEPS
    turns = np.linspace(least, len(level) - least, _TURNS).astype(int)
    chance = [float(_correlations(times, lips, np.roll(level, int(turn)), shifts).max()) for turn in turns]
    best = int(curve.argmax())
    found = float(curve[best]) > max(chance)
    return LipSync(
        lag_ms=round((shifts[best] + _vertex(curve, best)) * STEP_S * 1000, 1) if found else None,
        correlation=float(curve[best]),
        shuffled=float(np.mean(chance)),
        shuffled_most=max(chance),
    )


def _quick(course: NDArray[Any]) -> NDArray[Any]:
    """A course in 10 ms steps without what changes over a second and longer."""
    window = np.hanning(_SLOW_STEPS + 2)[1:-1]
    reach = len(window) // 2
    padded = np.pad(course, (reach, len(window) - 1 - reach))
    known = np.pad(np.ones_like(course), (reach, len(window) - 1 - reach))
    slow: NDArray[Any] = np.convolve(padded, window, "valid") / np.convolve(known, window, "valid")
    quick: NDArray[Any] = course - slow
    return quick


def _quick_lips(times: NDArray[Any], lips: NDArray[Any]) -> NDArray[Any]:
    """The same for moments: each run is put on 10 ms steps and read back at its moments."""
    runs = np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > _GAP_S) + 1)
    quick = np.empty_like(lips)
    for run in runs:
        steps = np.arange(times[run[0]], times[run[-1]] + STEP_S, STEP_S)
        quick[run] = np.interp(times[run], steps, _quick(np.interp(steps, times[run], lips[run])))
    return quick


def _correlations(times: NDArray[Any], lips: NDArray[Any], level: NDArray[Any], shifts: NDArray[Any]) -> NDArray[Any]:
    """Correlation of lips(t) with level(t + shift) for each shift in steps; beyond the clip nothing happens."""
    centred = (lips - lips.mean()) / max(float(lips.std()), 1e-9)
    at = (np.arange(len(level)) + 0.5) * STEP_S
    shifted = np.stack([np.interp(times + shift * STEP_S, at, level, left=0.0, right=0.0) for shift in shifts])
    spread = shifted.std(1)
    products: NDArray[Any] = (shifted - shifted.mean(1, keepdims=True)) @ centred
    correlations: NDArray[Any] = products / (len(lips) * np.maximum(spread, 1e-9))
    return correlations


def _vertex(curve: NDArray[Any], best: int) -> float:
    """Where between the steps the top lies, by the parabola through it and its neighbours: -0.5..0.5."""
    if not 0 < best < len(curve) - 1:
        return 0.0
    left, top, right = curve[best - 1 : best + 2]
    bend = left - 2 * top + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0
