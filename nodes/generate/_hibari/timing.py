"""From the model's phoneme lengths to spans that agree with what is heard.

The model gives each symbol, the marks for stress, punctuation and word gaps included, a length in units of 25 ms. Taken
as they are they mislead an animator: every sound is heard 45 ms before its span, the last sound before a comma holds
200 ms of silence, and a gap between two words of running speech is no silence at all. So all spans move ahead by two
units, a pause is what is silent next to punctuation, a gap between words goes to the word that follows, and a stress
mark to its vowel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAUSE = " "
PAD = "<pad>"  # id 0, which the model wants at both ends
_STRESS = frozenset("ˈˌ")
_TRAILING = frozenset("ː\u0303ʰʲ")  # length, nasal, aspirated, palatal: they belong to the sound before
_PUNCTUATION = frozenset(';:,.!?—…"()“”↓→↗↘')
# The hiss of s z ʃ ʒ and the voice of vowels lie 45 ms before the model's spans at speed 1, 50 at 0.7, 40 at 1.4
# (measured: docs/design/speech-and-script.md).
LAG_UNITS = 2
SILENCE_DBFS = -55.0  # speech of this voice lies near -25, its soft onsets near -50, its pauses below -65
MIN_PUNCTUATION_PAUSE = 2  # units: a comma that is spoken through is no pause
MIN_GAP_PAUSE = 5  # units: shorter silences between words are the closure of a t or k


@dataclass
class Span:
    """Symbol with its first unit and the unit behind its last."""

    symbol: str
    start: int
    end: int


def silent_units(wave: NDArray[Any], unit: int) -> NDArray[Any]:
    """(N * unit,) float in -1..1 -> (N,) bool: whether the unit's level is below SILENCE_DBFS."""
    power = np.square(wave.reshape(-1, unit), dtype=np.float64).mean(axis=1)
    return power < 10 ** (SILENCE_DBFS / 10)  # type: ignore[no-any-return]


def spans(symbols: list[str], units: list[int], silent: NDArray[Any]) -> list[Span]:
    """Spans that cover all units in order: sounds, and pauses where it is silent.

    Args:
        symbols: the model's symbols, PAD at both ends.
        units: their lengths; the sum is ``len(silent)``.
    """
    lag = min(LAG_UNITS, units[0])
    units = [units[0] - lag, *units[1:-1], units[-1] + lag]
    sounds: list[Span] = []
    kinds: list[str] = [""]  # what lies before each sound: "" nothing, "gap", "punctuation"
    at, stress_from, stress = 0, None, ""
    for symbol, length in zip(symbols, units, strict=True):
        if symbol in _STRESS:
            stress_from, stress = at if stress_from is None else stress_from, symbol
        elif symbol in _TRAILING and sounds:
            sounds[-1].end = at + length
        elif symbol == PAD or symbol in _PUNCTUATION:
            kinds[-1] = "punctuation"
        elif symbol == PAUSE:
            kinds[-1] = kinds[-1] or "gap"
        else:
            sounds.append(Span(stress + symbol, at if stress_from is None else stress_from, at + length))
            stress_from, stress = None, ""
            kinds.append("")
        at += length
    return _with_pauses(sounds, kinds, silent)


def _with_pauses(sounds: list[Span], kinds: list[str], silent: NDArray[Any]) -> list[Span]:
    total = len(silent)
    if not sounds:
        return [Span(PAUSE, 0, total)]
    # At the ends: the first sound starts with the first unit that is heard, the last ends with the last.
    heard = np.flatnonzero(~silent)
    sounds[0].start = int(min(heard[0], sounds[0].end - 1)) if len(heard) else sounds[0].start
    sounds[-1].end = int(max(heard[-1] + 1, sounds[-1].start + 1)) if len(heard) else sounds[-1].end
    placed: list[Span] = [Span(PAUSE, 0, sounds[0].start)] if sounds[0].start else []
    for before, after, kind in zip(sounds, sounds[1:], kinds[1:], strict=False):
        placed.append(before)
        pause = _longest_silence(silent, before.start + 1, after.end - 1) if kind else None
        needed = MIN_PUNCTUATION_PAUSE if kind == "punctuation" else MIN_GAP_PAUSE
        if pause and pause[1] - pause[0] >= needed:
            before.end, after.start = pause
            placed.append(Span(PAUSE, *pause))
        else:
            after.start = before.end
    placed.append(sounds[-1])
    if sounds[-1].end < total:
        placed.append(Span(PAUSE, sounds[-1].end, total))
    return placed


def _longest_silence(silent: NDArray[Any], start: int, end: int) -> tuple[int, int] | None:
    best: tuple[int, int] | None = None
    run_start: int | None = None
    for unit in range(start, end + 1):
        is_silent = unit < end and bool(silent[unit])
        if is_silent and run_start is None:
            run_start = unit
        elif not is_silent and run_start is not None:
            if best is None or unit - run_start > best[1] - best[0]:
                best = (run_start, unit)
            run_start = None
    return best
