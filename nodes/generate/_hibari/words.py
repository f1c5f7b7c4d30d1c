"""The time span of each word of a spoken sentence, from the spans of its phonemes.

The front end reads the words of a sentence in order, with one gap between two words, so the n-th group of phonemes
belongs to the n-th word. Where it reads one word as several (letters that are spelled, pieces of a very long word), the
numbers differ; then the words share the phonemes in proportion to their letters.
"""

from __future__ import annotations

from nodes.generate._hibari.timing import PAUSE, Span

Timed = tuple[str, int, int]


def timed_words(sentence: str, spans: list[Span]) -> list[Timed]:
    """(word, first unit, unit after its last) in order. Signs without a sound ("—") belong to the word before them.

    Args:
        sentence: what is said, in words.
        spans: of its phonemes and pauses, with at least one phoneme.
    """
    phones = [span for span in spans if span.symbol != PAUSE]
    words = _with_letters(sentence.split()) or [sentence]
    groups: dict[int, list[Span]] = {}
    for span in phones:
        groups.setdefault(span.word, []).append(span)
    if len(groups) != len(words):
        return _in_proportion(words, phones)
    return [(word, group[0].start, group[-1].end) for word, group in zip(words, groups.values(), strict=True)]


def _with_letters(words: list[str]) -> list[str]:
    joined: list[str] = []
    lone = ""  # signs before the first word
    for word in words:
        if any(char.isalnum() for char in word):
            joined.append(f"{lone} {word}".strip())
            lone = ""
        elif joined:
            joined[-1] += f" {word}"
        else:
            lone = f"{lone} {word}".strip()
    return joined


def _in_proportion(words: list[str], phones: list[Span]) -> list[Timed]:
    letters = [sum(char.isalnum() for char in word) or 1 for word in words]
    starts, at = [], 0
    for count in letters:
        starts.append(phones[at * len(phones) // sum(letters)].start)
        at += count
    return list(zip(words, starts, [*starts[1:], phones[-1].end], strict=True))
