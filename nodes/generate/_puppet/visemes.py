"""Mouth motion over time, from timed phonemes or, without them, from the audio alone.

Method: each phoneme is a target pose. Targets are held for the phoneme's duration and smoothed per channel, so that
neighbours influence each other (coarticulation after Cohen and Massaro, 1993, with Gaussian instead of exponential
dominance). Bilabial closures are applied after the smoothing, so that the lips really close.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._speech import Phoneme
from nodes.generate._puppet.loudness import STEP_S, Loudness

CHANNELS = ("jaw", "wide", "upper", "lower", "press")
_SMOOTH_S = {"jaw": 0.030, "wide": 0.042, "upper": 0.026, "lower": 0.024}
_PAUSE_S = 0.150  # minimum length of a gap that counts as a pause
_CLOSE_S = 0.050  # time from open to closed, and back
_HOLD_S = 0.045  # lips stay together at least this long, one frame at 25 fps

# jaw: opening, 0 to 1. wide: -1 rounded, 1 spread. upper: raise of the upper lip. lower: lower lip, 1 drawn down, -1
# tucked against the upper teeth. press: 1 for closed lips.
_POSES: dict[str, tuple[float, float, float, float, float]] = {
    **dict.fromkeys("ɑaɐ", (0.95, 0.05, 0.10, 0.15, 0)),
    **dict.fromkeys("æ", (0.85, 0.40, 0.20, 0.20, 0)),
    **dict.fromkeys("ʌɒ", (0.62, 0.00, 0.05, 0.10, 0)),
    **dict.fromkeys("əᵊ", (0.36, 0.00, 0.00, 0.05, 0)),
    **dict.fromkeys("ɛe", (0.58, 0.35, 0.12, 0.15, 0)),
    **dict.fromkeys("ɪᵻ", (0.38, 0.45, 0.15, 0.15, 0)),
    **dict.fromkeys("i", (0.28, 0.80, 0.28, 0.28, 0)),
    **dict.fromkeys("ɔ", (0.66, -0.55, 0.10, 0.10, 0)),
    **dict.fromkeys("o", (0.48, -0.75, 0.02, 0.02, 0)),
    **dict.fromkeys("ʊ", (0.30, -0.60, 0.02, 0.02, 0)),
    **dict.fromkeys("u", (0.20, -0.95, 0.00, 0.00, 0)),
    **dict.fromkeys("ɜɚɝ", (0.36, -0.35, 0.12, 0.10, 0)),
    **dict.fromkeys("mbp", (0.05, 0.00, 0.00, 0.00, 1)),
    **dict.fromkeys("fv", (0.13, 0.10, 0.38, -0.85, 0)),
    **dict.fromkeys("θð", (0.24, 0.10, 0.10, 0.10, 0)),
    **dict.fromkeys("tdnlTɾ", (0.22, 0.15, 0.10, 0.15, 0)),
    **dict.fromkeys("sz", (0.12, 0.35, 0.25, 0.35, 0)),
    **dict.fromkeys("ʃʒʧʤ", (0.17, -0.50, 0.38, 0.42, 0)),
    **dict.fromkeys("ɹr", (0.24, -0.50, 0.12, 0.10, 0)),
    **dict.fromkeys("kɡgŋ", (0.30, 0.05, 0.08, 0.10, 0)),
    **dict.fromkeys("hʔ", (0.32, 0.00, 0.05, 0.05, 0)),
    **dict.fromkeys("w", (0.14, -0.98, 0.08, 0.00, 0)),
    **dict.fromkeys("j", (0.22, 0.55, 0.15, 0.15, 0)),
}
_GLIDES = {"A": "ei", "I": "aɪ", "W": "aʊ", "O": "oʊ", "Q": "əʊ", "Y": "ɔɪ"}  # one symbol, two targets
_REST = (0.0, 0.0, 0.0, 0.0, 0.0)
_STRESS = "ˈˌ"


@dataclass(frozen=True)
class MouthTracks:
    """(N,) float32 each, one value every STEP_S, in the units of the pose table above."""

    jaw: NDArray[Any]
    wide: NDArray[Any]
    upper: NDArray[Any]
    lower: NDArray[Any]
    press: NDArray[Any]


def tracks_from_phonemes(phonemes: Sequence[Phoneme], loud: Loudness, lead_s: float) -> MouthTracks:
    """Mouth tracks as long as ``loud``, ``lead_s`` ahead of the audio.

    Unknown symbols keep the preceding pose; the mouth rests at punctuation and longer gaps.
    """
    count = len(loud.level)
    targets = np.zeros((5, count), np.float32)
    stress = np.ones(count, np.float32)
    closures: list[tuple[float, float]] = []
    boost, pose = 1.0, _REST
    for phoneme in _without_gaps(phonemes):
        symbols = phoneme.symbol.strip()
        boost = max(boost, 1.15 if "ˈ" in symbols else 1.07 if "ˌ" in symbols else 1.0)
        spoken = [symbol for symbol in symbols if symbol not in _STRESS and symbol != "ː"]
        poses = [_POSES[part] for symbol in spoken for part in _GLIDES.get(symbol, symbol) if part in _POSES]
        if not poses and any(symbol.isalpha() for symbol in spoken):
            poses = [pose]
        _fill(targets, phoneme, poses or [_REST])
        pose = poses[-1] if poses else _REST
        if poses and poses[0][4] > 0:
            closures.append((phoneme.start_s, phoneme.end_s))
        elif poses and poses[0][0] > 0.24:
            stress[_span(phoneme, count)] = boost
            boost = 1.0
    jaw = _smooth(targets[0] * stress, _SMOOTH_S["jaw"])
    jaw = jaw * (0.78 + 0.34 * _smooth(loud.level, 0.08))
    wide, upper, lower = (_smooth(targets[i], _SMOOTH_S[CHANNELS[i]]) for i in (1, 2, 3))
    return _early(MouthTracks(np.clip(jaw, 0, 1.1), wide, upper, lower, _closure(closures, count)), lead_s)


def tracks_from_audio(loud: Loudness, lead_s: float) -> MouthTracks:
    """Mouth tracks from level and timbre of the audio: the opening follows the level, and sibilants close the teeth."""
    hiss = np.clip((loud.bright - 0.35) / 0.3, 0, 1)
    level = np.clip((loud.level - 0.35) / 0.65, 0, 1)
    jaw = _smooth(level**1.4 * (1 - 0.8 * hiss), 0.035) * 0.75
    # Deep dips between vowels are mostly consonants of lips or tongue, so sharpen them a little.
    jaw = np.clip(jaw + 0.8 * (jaw - _smooth(jaw, 0.12)), 0, 1)
    speaking = _smooth((level > 0).astype(np.float32), 0.06)
    wide = _smooth(loud.front * 0.8, 0.07) * speaking
    upper = _smooth(0.12 * level + 0.25 * hiss * level, 0.04)
    lower = _smooth(0.12 * level + 0.30 * hiss * level, 0.04)
    return _early(MouthTracks(jaw, wide, upper, lower, np.zeros_like(jaw)), lead_s)


def _without_gaps(phonemes: Sequence[Phoneme]) -> list[Phoneme]:
    """The phonemes, with the time of stress marks and short word gaps assigned to their neighbours.

    A stress mark belongs to the following phoneme. The gap between two words of fluent speech is not a pause: the mouth
    moves from one word's last pose to the next word's first. The mouth rests only at a longer gap.
    """
    kept: list[Phoneme] = []
    marks, since = "", None
    for phoneme in phonemes:
        symbol = phoneme.symbol.strip()
        mark = symbol != "" and all(c in _STRESS for c in symbol)
        gap = symbol in ("", "ː") and phoneme.end_s - phoneme.start_s < _PAUSE_S
        if mark or gap:
            marks, since = marks + symbol.replace("ː", ""), phoneme.start_s if since is None else since
            continue
        start_s = phoneme.start_s
        if since is not None:
            start_s = since if marks else (since + start_s) / 2
            if kept and not marks:
                kept[-1] = kept[-1].model_copy(update={"end_s": start_s})
        kept.append(Phoneme(symbol=marks + phoneme.symbol, start_s=start_s, end_s=phoneme.end_s))
        marks, since = "", None
    return kept


def _span(phoneme: Phoneme, count: int) -> slice:
    return slice(min(count, round(phoneme.start_s / STEP_S)), min(count, round(phoneme.end_s / STEP_S)))


def _fill(targets: NDArray[Any], phoneme: Phoneme, poses: Sequence[tuple[float, ...]]) -> None:
    span = _span(phoneme, targets.shape[1])
    edges = np.linspace(span.start, span.stop, len(poses) + 1).round().astype(int)
    for pose, start, stop in zip(poses, edges[:-1], edges[1:], strict=True):
        targets[:, start:stop] = np.array(pose, np.float32)[:, None]


def _closure(spans: Sequence[tuple[float, float]], count: int) -> NDArray[Any]:
    """1 while the lips are closed, with smooth ramps; overlapping closures merge."""
    press = np.zeros(count, np.float32)
    for start, end in spans:
        middle, half = (start + end) / 2, max((end - start) / 2 - 0.010, _HOLD_S / 2)
        first = max(0, int((middle - half - _CLOSE_S) / STEP_S))  # only its neighbourhood: speech may last an hour
        times = np.arange(first, min(count, first + int(2 * (half + _CLOSE_S) / STEP_S) + 3)) * STEP_S
        ramp = np.clip(1 - (np.abs(times - middle) - half) / _CLOSE_S, 0, 1)
        near = press[first : first + len(times)]
        np.maximum(near, ramp * ramp * (3 - 2 * ramp), out=near)
    return press


def _smooth(track: NDArray[Any], sigma_s: float) -> NDArray[Any]:
    radius = max(1, int(3 * sigma_s / STEP_S))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) * STEP_S / sigma_s) ** 2)
    padded = np.pad(track, radius, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)


def _early(tracks: MouthTracks, lead_s: float) -> MouthTracks:
    def shifted(track: NDArray[Any]) -> NDArray[Any]:
        return track[np.clip(np.arange(len(track)) + round(lead_s / STEP_S), 0, len(track) - 1)]

    return MouthTracks(*(shifted(track) for track in vars(tracks).values()))
