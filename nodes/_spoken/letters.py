"""Refuses letters that a voice cannot speak: which, where in the text, and what it can speak."""

from __future__ import annotations

import unicodedata

from nodes._spoken.marks import without_pronunciations
from nodes._spoken.reading import read
from nodes.sdk import NodeError

MAX_NAMED = 12  # number of characters in an error
_LATIN = ("LATIN", "MICRO SIGN", "VULGAR FRACTION", "MASCULINE ORDINAL", "FEMININE ORDINAL", "MODIFIER LETTER")
_GREEK = ("GREEK SMALL LETTER", "GREEK CAPITAL LETTER")
SPEAKS = "Latin letters, single Greek letters, digits, punctuation and common symbols"


def refuse_unreadable(text: str) -> None:
    """Raise NodeError if an English voice would omit words: letters of other scripts, or no words at all.

    Emoji and ornaments in readable text are not words and are skipped, as a person reading aloud would do.
    """
    spoken = without_pronunciations(text)
    unreadable = _unreadable(spoken)
    if unreadable:
        raise NodeError(
            "the narration contains letters that this English voice cannot speak",
            where=f"narration: {_places(spoken, unreadable)}",
            seen=_named([spoken[at] for at in unreadable]),
            allowed=SPEAKS,
            remedy="Write these words in Latin letters, or use a voice for that language.",
            first_at=unreadable[0],
        )
    refuse_wordless(text)


def refuse_wordless(text: str) -> None:
    """Raise NodeError if nothing of a text would be spoken."""
    if not read(text).sentences:
        raise NodeError(
            "the narration contains no words",
            where="narration",
            seen=_seen(text),
            allowed="a text with at least one letter or digit",
            remedy="Write the text that the speaker should say.",
        )


def _seen(text: str) -> str:
    if any(char.isalnum() for char in text):
        return f"only mark-up and stage directions: {text.strip()[:80]}"
    return _named([char for char in text if not char.isspace()]) or "only white space"


def speakable(text: str) -> bool:
    """Whether an English voice can speak each letter of a text."""
    return not _unreadable(text)


def _unreadable(text: str) -> list[int]:
    return [at for at in range(len(text)) if _is_foreign(text, at)]


def _is_foreign(text: str, at: int) -> bool:
    char = text[at]
    if char.isascii() or unicodedata.category(char)[0] not in "LN":
        return False
    if unicodedata.normalize("NFKC", char).isascii():  # ², ①, ﬁ, full-width letters
        return False
    name = unicodedata.name(char, "")
    if name.startswith(_GREEK):  # a single Greek letter has an English name: π, μ
        return any(_is_greek(text[beside : beside + 1]) for beside in (at - 1, at + 1) if beside >= 0)
    return not name.startswith(_LATIN)


def _is_greek(char: str) -> bool:
    return bool(char) and unicodedata.name(char, "").startswith("GREEK") and char.isalpha()


def _places(text: str, unreadable: list[int]) -> str:
    """Line, column and word of the first letter, and how many there are."""
    first = unreadable[0]
    before = text[:first]
    word = _word_at(text, first)
    others = len(unreadable) - 1
    more = f", and {others} more letter{'' if others == 1 else 's'}" if others else ""
    return f"line {before.count(chr(10)) + 1}, character {first - before.rfind(chr(10))}, in “{word}”{more}"


def _word_at(text: str, at: int) -> str:
    start = max(text.rfind(gap, 0, at) for gap in " \n\t") + 1
    ends = [end for gap in " \n\t" if (end := text.find(gap, at)) >= 0]
    return text[max(start, at - 20) : min([*ends, at + 20, len(text)])]


def _named(chars: list[str]) -> str:
    distinct = list(dict.fromkeys(chars))
    named = ", ".join(f"{char} ({unicodedata.name(char, 'no name').lower()})" for char in distinct[:MAX_NAMED])
    return named + (f" and {len(distinct) - MAX_NAMED} more" if len(distinct) > MAX_NAMED else "")
