"""Marks inside a text that is being read: private characters, which the text itself cannot contain.

A pronunciation ``[word](/phonemes/)`` becomes one private character, so that no rule changes it.
"""

from __future__ import annotations

import re

EMPHASIS, PLAIN = "\ue000", "\ue001"  # begin and end of emphasised words
BREAK, BREAK_END = "\ue002", "\ue003"  # around the length of a pause in ms
SAY_END = "\ue00f"
SAY_AS = {  # begin of words with a given reading: interpret-as of SSML
    "characters": "\ue010",
    "spell-out": "\ue010",
    "verbatim": "\ue010",
    "digits": "\ue011",
    "number": "\ue012",
    "cardinal": "\ue012",
    "ordinal": "\ue013",
    "date": "\ue014",
    "time": "\ue015",
    "telephone": "\ue016",
    "expletive": "\ue017",
    "bleep": "\ue017",
}
_FIRST_PRONUNCIATION = 0xE200
_PRIVATE = re.compile(r"[\ue000-\uf8ff]")
_PRONUNCIATION = re.compile(r"\[([^\[\]]+)\]\((/[^)]*/)\)")
_STORED = re.compile(r"[\ue200-\uf8ff]")
_OTHER = re.compile(r"[\ue000-\ue1ff]")


def without_private(text: str) -> str:
    return _PRIVATE.sub("", text)


class Pronunciations:
    """The pronunciations that a text gives, each of which stands as one character while the text is read."""

    def __init__(self) -> None:
        self._given: list[tuple[str, str]] = []

    def store(self, text: str) -> str:
        def kept(match: re.Match[str]) -> str:
            self._given.append((match[1], match[2]))
            return chr(_FIRST_PRONUNCIATION + len(self._given) - 1)

        return _PRONUNCIATION.sub(kept, text)

    def words(self, text: str) -> str:
        """The text with the words in place of the stored pronunciations."""
        return _STORED.sub(lambda match: self._of(match)[0], text)

    def whole(self, text: str) -> str:
        """The text with the pronunciations as they were given."""
        return _STORED.sub(lambda match: "[{}]({})".format(*self._of(match)), text)

    def _of(self, match: re.Match[str]) -> tuple[str, str]:
        return self._given[ord(match[0]) - _FIRST_PRONUNCIATION]


def without_pronunciations(text: str) -> str:
    """``[word](/phonemes/)`` -> ``word``."""
    return _PRONUNCIATION.sub(r"\1", text)


def without_marks(text: str) -> str:
    return _OTHER.sub("", text)


def has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)
