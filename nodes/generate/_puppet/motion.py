"""The controls of the frames of a clip: mouth, blinks, head, brows. They are seeded, and depend on the time and on the
speech around it alone, so that any frame can be rendered without the preceding ones."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of unspecified dtype is Any to numpy's type stubs)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.generate._puppet.loudness import STEP_S, Loudness
from nodes.generate._puppet.visemes import MouthTracks

_BLINK_CLOSE_S, _BLINK_SHUT_S, _BLINK_OPEN_S = 0.085, 0.045, 0.150  # lids fall faster than they rise
_REFRACTORY_S = 1.1  # minimum time between two blinks
_DEGREE = np.pi / 180


@dataclass(frozen=True)
class Controls:
    """(frames,) float32 each.

    jaw, wide, upper, lower, press: as in ``visemes``. blink: 0 open to 1 shut. yaw, pitch, roll: radians.
    shift_x, shift_y: head translation as a share of the face height. brow: 0 to 1. cheek: 0 to 1.
    """

    jaw: NDArray[Any]
    wide: NDArray[Any]
    upper: NDArray[Any]
    lower: NDArray[Any]
    press: NDArray[Any]
    blink: NDArray[Any]
    yaw: NDArray[Any]
    pitch: NDArray[Any]
    roll: NDArray[Any]
    shift_x: NDArray[Any]
    shift_y: NDArray[Any]
    brow: NDArray[Any]
    cheek: NDArray[Any]


def controls(
    mouth: MouthTracks,
    loud: Loudness,
    *,
    frames: int,
    fps: int,
    seed: int,
    mouth_gain: float,
    sway: float,
    blinks_per_minute: float,
    expression: float,
    first: int = 0,
    start_s: float = 0.0,
) -> Controls:
    """One value per frame for everything that moves. Equal arguments give equal clips.

    Args:
        mouth, loud: tracks of the speech around the frames.
        first: number of the first frame in the clip.
        start_s: time of the tracks' first value in the clip.
    """
    clip_times = (np.arange(first, first + frames) + 0.5) / fps
    times = clip_times - start_s
    sway_rng, blink_rng, brow_rng = (np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, part]) for part in (1, 2, 3))
    accent = _accents(loud)
    nod = _at(accent, times)
    drift = {name: _drift(sway_rng, clip_times) * sway for name in ("yaw", "pitch", "roll", "shift_x", "shift_y")}
    return Controls(
        jaw=_at(mouth.jaw, times) * mouth_gain,
        wide=_at(mouth.wide, times) * min(1.0, 0.4 + 0.6 * mouth_gain),
        upper=_at(mouth.upper, times) * mouth_gain,
        lower=_at(mouth.lower, times) * mouth_gain,
        press=_highest(mouth.press, times, fps),
        blink=_blinks(blink_rng, clip_times, blinks_per_minute),
        yaw=(drift["yaw"] * 2.6 * _DEGREE).astype(np.float32),
        pitch=((drift["pitch"] * 1.5 + nod * 1.3 * sway) * _DEGREE).astype(np.float32),
        roll=(drift["roll"] * 1.1 * _DEGREE).astype(np.float32),
        shift_x=(drift["shift_x"] * 0.008).astype(np.float32),
        shift_y=((drift["shift_y"] * 0.006) + nod * 0.006 * sway).astype(np.float32),
        brow=(expression * (nod * 0.9 + 0.25 * (_drift(brow_rng, clip_times) + 0.4))).astype(np.float32),
        cheek=(expression * np.clip(_at(mouth.wide, times), 0, 1) * 0.6).astype(np.float32),
    )


def _at(track: NDArray[Any], times: NDArray[Any]) -> NDArray[Any]:
    return np.interp(times, np.arange(len(track)) * STEP_S, track).astype(np.float32)


def _highest(track: NDArray[Any], times: NDArray[Any], fps: int) -> NDArray[Any]:
    """The highest value near each frame, so that a closure shorter than a frame is not lost between two frames."""
    near = [_at(track, times + offset / fps) for offset in (-0.35, -0.15, 0, 0.15, 0.35)]
    return np.max(near, axis=0)


def _accents(loud: Loudness) -> NDArray[Any]:
    """0 to 1 where the voice is louder than around it; slow, so that brows and head follow words, not syllables."""
    fast, slow = _box(loud.level, 0.18), _box(loud.level, 1.2)
    return _box(np.clip((fast - slow) * 3.2, 0, 1), 0.16)


def _box(track: NDArray[Any], width_s: float) -> NDArray[Any]:
    """Two successive box averages of ``width_s`` each."""
    width = max(1, round(width_s / STEP_S))
    for before in (width // 2, width - 1 - width // 2):
        padded = np.pad(track.astype(np.float64), (before, width - 1 - before), mode="edge")
        sums = np.concatenate([[0.0], np.cumsum(padded)])
        track = (sums[width:] - sums[:-width]) / width
    return track.astype(np.float32)


def _drift(rng: np.random.Generator, times: NDArray[Any]) -> NDArray[Any]:
    """Slow aperiodic motion, mostly within -1..1: seven sines between 0.07 and 0.6 Hz, faster ones weaker."""
    rates = 0.07 * 1.43 ** np.arange(7) * rng.uniform(0.9, 1.1, 7)
    weights = rates**-0.55 * rng.uniform(0.6, 1.0, 7)
    phases = rng.uniform(0, 2 * np.pi, 7)
    wave = (np.sin(2 * np.pi * rates * times[:, None] + phases) * weights).sum(1)
    return wave / np.sqrt((weights**2).sum())


def _blinks(rng: np.random.Generator, times: NDArray[Any], per_minute: float) -> NDArray[Any]:
    """Blinks as a Poisson process with a refractory time. The first blink is early, so that short clips have one."""
    lids = np.zeros(len(times), np.float32)
    if per_minute <= 0:
        return lids
    wait_s = max(60 / per_minute - _REFRACTORY_S, 0.2)
    at = min(float(rng.uniform(0.5, 2.2)), wait_s + _REFRACTORY_S)
    while at < times[-1]:
        since = times - at
        down = np.clip(since / _BLINK_CLOSE_S, 0, 1)
        up = np.clip((since - _BLINK_CLOSE_S - _BLINK_SHUT_S) / _BLINK_OPEN_S, 0, 1)
        lid = down * down * (3 - 2 * down) - up * up * (3 - 2 * up)
        lids = np.maximum(lids, lid * rng.uniform(0.94, 1.0)).astype(np.float32)
        at += _REFRACTORY_S + float(rng.exponential(wait_s))
    return lids
