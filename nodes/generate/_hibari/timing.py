"""Turns the model's phoneme lengths into spans that match the audio.

The model gives every symbol, including stress marks, punctuation and word gaps, a length in units of 25 ms. Used
directly, these lengths mislead an animator: each phoneme is audible 45 ms before its span, the last phoneme before a
comma includes 200 ms of silence, and a gap between two words of running speech is not silent at all. Therefore all
spans move forward by two units, only actual silence next to punctuation counts as a pause, a gap between words goes to
the following word, and a stress mark to its vowel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAUSE = " "
PAD = "<pad>"  # id 0, which the model requires at both ends
_STRESS = frozenset("ˈˌ")
_TRAILING = frozenset("ː\u0303ʰʲ")  # length, nasal, aspirated, palatal: part of the preceding phoneme
_PUNCTUATION = frozenset(';:,.!?—…"()“”↓→↗↘')
# The noise of s z ʃ ʒ and the voicing of vowels lie 45 ms before the model's spans at speed 1, 50 ms at 0.7, 40 ms at
# 1.4 (measured: docs/design/speech-and-script.md).
LAG_UNITS = 2
SILENCE_DBFS = -55.0  # this voice speaks near -25 dBFS, with soft onsets near -50 and pauses below -65
MIN_PUNCTUATION_PAUSE = 2  # units; a comma may be spoken without a pause
MIN_GAP_PAUSE = 5  # units; shorter silences between words are closures of a t or k


@dataclass
class Span:
    """A symbol, its first unit and the unit after its last, and the number of its word (pauses belong to none)."""

    symbol: str
    start: int
    end: int
    word: int = -1


def silent_units(wave: NDArray[Any], unit: int) -> NDArray[Any]:
    """(N * unit,) float in -1..1 -> (N,) bool: whether the unit's level is below SILENCE_DBFS."""
    power = np.square(wave.reshape(-1, unit), dtype=np.float64).mean(axis=1)
    return power < 10 ** (SILENCE_DBFS / 10)  # type: ignore[no-any-return]


def spans(symbols: list[str], units: list[int], silent: NDArray[Any]) -> list[Span]:
    """Spans of phonemes and silent pauses that cover all units in order.

    Args:
        symbols: the model's symbols, with PAD at both ends.
        units: their lengths; the sum is ``len(silent)``.
    """
    lag = min(LAG_UNITS, units[0])
    units = [units[0] - lag, *units[1:-1], units[-1] + lag]
    phones: list[Span] = []
    kinds: list[str] = [""]  # what precedes each phoneme: "" (nothing), "gap" or "punctuation"
    word = 0
    at, stress_from, stress = 0, None, ""
    for before, symbol, length in zip([PAD, *symbols], symbols, units, strict=False):
        if symbol == PAUSE != before:
            word += 1
        if symbol in _STRESS:
            stress_from, stress = at if stress_from is None else stress_from, symbol
        elif symbol in _TRAILING and phones:
            phones[-1].end = at + length
        elif symbol == PAD or symbol in _PUNCTUATION:
            kinds[-1] = "punctuation"
        elif symbol == PAUSE:
            kinds[-1] = kinds[-1] or "gap"
        else:
            phones.append(Span(stress + symbol, at if stress_from is None else stress_from, at + length, word))
            stress_from, stress = None, ""
            kinds.append("")
        at += length
    return _with_pauses(phones, kinds, silent)


def _with_pauses(phones: list[Span], kinds: list[str], silent: NDArray[Any]) -> list[Span]:
    total = len(silent)
    if not phones:
        return [Span(PAUSE, 0, total)]
    # The first phoneme starts with the first audible unit, and the last one ends with the last audible unit.
    heard = np.flatnonzero(~silent)
    phones[0].start = int(min(heard[0], phones[0].end - 1)) if len(heard) else phones[0].start
    phones[-1].end = int(max(heard[-1] + 1, phones[-1].start + 1)) if len(heard) else phones[-1].end
    placed: list[Span] = [Span(PAUSE, 0, phones[0].start)] if phones[0].start else []
    for before, after, kind in zip(phones, phones[1:], kinds[1:], strict=False):
        placed.append(before)
        pause = _longest_silence(silent, before.start + 1, after.end - 1) if kind else None
        needed = MIN_PUNCTUATION_PAUSE if kind == "punctuation" else MIN_GAP_PAUSE
        if pause and pause[1] - pause[0] >= needed:
            before.end, after.start = pause
            placed.append(Span(PAUSE, *pause))
        else:
            after.start = before.end
    placed.append(phones[-1])
    if phones[-1].end < total:
        placed.append(Span(PAUSE, phones[-1].end, total))
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
