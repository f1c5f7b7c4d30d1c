"""Word error rate: both texts brought to the same spelling, then the edit distance over words.

Method: Levenshtein distance; WER = (substitutions + deletions + insertions) / words of the reference. Spelling
follows what an English recogniser may write either way: case, punctuation, digits against words, abbreviations.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_ONES = _WORD.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = _WORD.findall("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_GROUPS = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LARGEST = 10**12
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_ORDINALS |= {"twelve": "twelfth"}
_NUMBER_WORDS = frozenset(_ONES + _TENS + [name for _, name in _GROUPS])
_ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "vs": "versus", "ok": "okay"}
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds"}

_MARKUP = re.compile(r"\[([^\]]+)\]\(/[^)]*/\)")  # a narration may give a pronunciation: [word](/phonemes/)
_MONEY = re.compile(r"([$€£])\s?(\d[\d,]*(?:\.\d+)?)(\s(?:hundred|thousand|million|billion))?")
_ACRONYM = re.compile(r"\b(?:[a-z]\.){2,}")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d\d)\b")
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(st|nd|rd|th)?(?![\w])")


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are said: lower case, no punctuation, numbers below 10**12 written out."""
    text = unicodedata.normalize("NFKC", _MARKUP.sub(r"\1", text)).lower().replace("’", "'")
    text = _MONEY.sub(lambda m: f"{m[2]}{m[3] or ''} {_CURRENCIES[m[1]]}", text)
    text = _ACRONYM.sub(lambda m: m[0].replace(".", ""), text)
    text = _CLOCK.sub(lambda m: m[1] if m[2] == "00" else f"{m[1]} {m[2]}", text)
    text = _NUMBER.sub(_written_out, text)
    text = text.replace("%", " percent ").replace("&", " and ").replace("'", "")
    words = [_ABBREVIATIONS.get(word, word) for word in _WORD.findall(text)]
    return [word for i, word in enumerate(words) if not _joins_number(words, i)]


def word_errors(reference: list[str], heard: list[str]) -> int:
    """The least number of words to change, drop or add that turns ``reference`` into ``heard``."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, start=1):
        above, row[0] = row[0], i
        for j, word in enumerate(heard, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (wanted != word))
    return row[-1]


def _written_out(match: re.Match[str]) -> str:
    whole, fraction, ordinal = match.groups()
    value = int(whole.replace(",", ""))
    if value >= _LARGEST:
        return match[0]
    words = _cardinal(value)
    if fraction:
        words += ["point", *(_ONES[int(digit)] for digit in fraction)]
    elif ordinal:
        words[-1] = _ordinal(words[-1])
    return f" {' '.join(words)} "


def _cardinal(value: int) -> list[str]:
    for size, name in _GROUPS:
        if value >= size:
            rest = value % size
            return [*_cardinal(value // size), name, *(_cardinal(rest) if rest else [])]
    if value >= 20:
        return [_TENS[value // 10], *([_ONES[value % 10]] if value % 10 else [])]
    return [_ONES[value]]


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")


def _joins_number(words: list[str], index: int) -> bool:
    """Whether the word is the "and" of "one hundred and five", which digits do not have."""
    return (
        words[index] == "and"
        and 0 < index < len(words) - 1
        and words[index - 1] in ("hundred", "thousand")
        and words[index + 1] in _NUMBER_WORDS
    )
