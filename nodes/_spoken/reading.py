"""Text -> sentences as a person would say them, with pauses and emphasis. The one place where text becomes speech.

In order: terminal escapes, tags, Markdown and stage directions are taken out; the rest is split at pauses and into
sentences; in each sentence addresses, money, dates, measures, code, abbreviations and numbers become words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from nodes._sentences import split_sentences
from nodes._spoken import dates, directions, marks, markup
from nodes._spoken.abbreviations import abbreviations_in_words, signs_in_words
from nodes._spoken.dates import dates_in_words, phones_in_words, times_in_words
from nodes._spoken.measures import measures_in_words, numbers_in_words, spelled
from nodes._spoken.money import money_in_words
from nodes._spoken.numbers import digits, ordinal
from nodes._spoken.technical import addresses_in_words, code_in_words

_BREAK = re.compile(f"{marks.BREAK}(\\d+){marks.BREAK_END}")
_SAY_AS = re.compile(f"([\ue010-\ue01f])([^\ue00f]*){marks.SAY_END}")
_EMPHASISED = re.compile(f"{marks.EMPHASIS}+([^{marks.EMPHASIS}{marks.PLAIN}]*){marks.PLAIN}")
_QUOTES = (
    (re.compile(r"[‘’ʼ`´]"), "'"),
    (re.compile(r"(?<!\w)'(\w(?:[^']|(?<=\w)'(?=\w))*)'(?!\w)"), r"\1"),
)
_GROUPS = re.compile(r"(?<=\d)[\u00a0\u202f\u2009](?=\d{3}(?!\d))")  # 10 000 with a space that breaks no line
_UNSEEN = re.compile(r"[\ufe00-\ufe0f\u20e3]")  # how the sign before is drawn
_MINUS = re.compile(r"[−‒](?=\s?\d)")
_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+([,.;:!?…])")
_RULES = (
    addresses_in_words,
    money_in_words,
    phones_in_words,
    dates_in_words,
    times_in_words,
    abbreviations_in_words,
    code_in_words,
    measures_in_words,
    signs_in_words,
    numbers_in_words,
)


@dataclass(frozen=True)
class SpokenSentence:
    """One sentence: as written without mark-up, and as it is said.

    ``said`` holds pronunciations as ``[word](/phonemes/)`` and the marks of emphasis. ``pause_s`` is the pause before
    it that the text asks for, in seconds, or None.
    """

    written: str
    said: str
    pause_s: float | None = None

    @property
    def words(self) -> str:
        """What is said, for people."""
        return _SPACES.sub(" ", marks.without_pronunciations(marks.without_marks(self.said))).strip()


@dataclass(frozen=True)
class Reading:
    """A text as it is read aloud: its sentences, the pause after the last one, and what of it is not spoken."""

    sentences: tuple[SpokenSentence, ...]
    pause_s: float | None
    left_out: tuple[str, ...]

    @property
    def words(self) -> str:
        return " ".join(sentence.words for sentence in self.sentences)


def read(text: str) -> Reading:
    """The sentences of an English text as a person would say them. A text without words has none."""
    given = marks.Pronunciations()
    plain, left_out = _plain(text, given)
    sentences: list[SpokenSentence] = []
    pause: float | None = None
    for piece, after_s in _pieces(plain):
        for one in split_sentences(piece):
            written = _tidy(given.words(marks.without_marks(one)))
            if marks.has_words(written):
                sentences.append(SpokenSentence(written, given.whole(in_words(one)), pause))
                pause = None
        if after_s is not None:
            pause = (pause or 0.0) + after_s
    return Reading(tuple(sentences), pause, tuple(left_out))


def in_words(sentence: str) -> str:
    """A sentence without mark-up in words: "It costs $5." -> "It costs five dollars."."""
    text = _typed(sentence)
    text = _SAY_AS.sub(lambda match: _said_as(match[1], match[2]), text)
    for rule in _RULES:
        text = rule(text)
    text = "".join(" " if _is_ornament(char) else char for char in text)
    text = _EMPHASISED.sub(
        lambda match: f"{marks.EMPHASIS}{match[1].strip()}{marks.PLAIN}" if match[1].strip() else "", text
    )
    return _tidy(text)


def _plain(text: str, given: marks.Pronunciations) -> tuple[str, list[str]]:
    text = markup.without_escapes(_GROUPS.sub("", marks.without_private(text).replace("\r\n", "\n")))
    text, ignored = markup.without_tags(given.store(text))
    text, directed = directions.without_directions(markup.without_markdown(text))
    return markup.without_italics(text), [*ignored, *directed]


def _pieces(text: str) -> Iterator[tuple[str, float | None]]:
    parts = _BREAK.split(text)
    for piece, milliseconds in zip(parts[::2], [*parts[1::2], None], strict=True):
        yield piece, None if milliseconds is None else int(milliseconds) / 1000


def _typed(text: str) -> str:
    """One spelling for signs: composed letters, straight quotes, no invisible characters."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if char != "\n" and unicodedata.category(char) == "Cc" else char for char in text)
    text = "".join(char for char in _UNSEEN.sub("", text) if unicodedata.category(char) != "Cf")
    for pattern, replacement in _QUOTES:
        text = pattern.sub(replacement, text)
    return _MINUS.sub("-", text)


def _said_as(kind: str, text: str) -> str:
    inside = marks.without_marks(text).strip()
    if kind == marks.SAY_AS["characters"]:
        return spelled("".join(char for char in inside if char.isalnum()))
    if kind == marks.SAY_AS["digits"]:
        return digits(inside)
    if kind == marks.SAY_AS["telephone"]:
        return dates.phone(inside)
    if kind == marks.SAY_AS["expletive"]:
        return "bleep"
    bare = inside.replace(",", "")
    if kind == marks.SAY_AS["ordinal"] and bare.isdecimal() and len(bare) <= 15:
        return ordinal(int(bare))
    if kind == marks.SAY_AS["cardinal"] and bare.isdecimal():
        return f"{int(bare):,}"
    return inside


def _is_ornament(char: str) -> bool:
    """Emoji, arrows and box drawing: shown, never said."""
    category = unicodedata.category(char)
    return (category in ("So", "Sk", "Cn", "Cs", "Me") and not char.isalpha()) or char in "*#^~<>"


def _tidy(text: str) -> str:
    return _BEFORE_MARK.sub(r"\1", _SPACES.sub(" ", text)).strip()
