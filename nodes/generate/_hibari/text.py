"""Checks which text the English voice can read, and respells signs that it would drop or misread."""

from __future__ import annotations

import re
import unicodedata

from nodes.sdk import NodeError

_PRONUNCIATION = re.compile(r"\[([^\]]+)\]\((/[^)]*/)\)")  # [word](/phonemes/), read by the front end
MAX_NAMED = 12  # number of offending characters in an error
_READABLE_NAMES = ("LATIN", "GREEK SMALL LETTER", "GREEK CAPITAL LETTER", "MICRO SIGN", "VULGAR FRACTION")
# The package's front end reads numbers, dates, times, units, money and acronyms well, but not these (0.2.1).
_RESPELL = (
    (re.compile(r"[‘’ʼ]"), "'"),  # a closing curly quote would be spoken as a pause
    (re.compile(r"(?<!\w)'(\w[^']*)'(?!\w)"), r"\1"),  # single quotes around words
    (re.compile(r"−(?=\s?\d)"), "-"),  # the real minus sign was dropped: "three" for −3
    (re.compile(r"(\d)\s?[-–]\s?(\d[\d.,]*\s?%)"), r"\1 to \2"),  # 10–20% was read "ten twenty percent"
    (re.compile(r"([$£€¥]\s?\d[\d.,]*)\s?bn\b"), r"\1 billion"),
    (re.compile(r"([$£€¥]\s?\d[\d.,]*)\s?tn\b"), r"\1 trillion"),
    (re.compile(r"[≈~]\s?(?=[\d$£€])"), "about "),
    (re.compile(r"(?<!\S)>\s?(?=\d)"), "more than "),
    (re.compile(r"≥\s?"), " at least "),
    (re.compile(r"≤\s?"), " at most "),
    (re.compile(r"\b24/7\b"), "twenty-four seven"),
)
_LONG_NUMBER = re.compile(r"\d(?:,?\d){18,}")  # read digit by digit
_LONG_WORD = re.compile(r"[^\W\d_]{25,}")  # the front end drops everything after the 24th letter of an unknown word
_GREEK_WORD = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]{2,}")  # a single Greek letter has an English name: π, μ


def refuse_unreadable(text: str) -> None:
    """Raise NodeError if the voice would omit words: letters of other scripts, or no words at all.

    Emoji and ornaments in readable text are not words and are skipped, as a person reading aloud would do.
    """
    text = _PRONUNCIATION.sub(r"\1", text)
    foreign = [char for char in text if _is_foreign(char)]
    foreign += [char for word in _GREEK_WORD.findall(text) for char in word]
    if foreign:
        raise NodeError(
            "the narration contains letters that this English voice cannot read",
            where="narration",
            seen=_name(foreign),
            allowed="Latin letters, digits, punctuation and common symbols",
            remedy="Write these words in Latin letters, or use a voice for that language.",
            first_at=text.index(foreign[0]),
        )
    if not has_words(text):
        raise NodeError(
            "the narration contains no words",
            where="narration",
            seen=_name([char for char in text if not char.isspace()]) or "only white space",
            allowed="a text with at least one letter or digit",
            remedy="Write the text that the speaker should say.",
        )


def has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)


def as_read(sentence: str, alphabet: frozenset[str]) -> str:
    """The sentence in a spelling that the front end reads correctly.

    Args:
        alphabet: letters that the front end's network for unknown words accepts; other letters lose their accents.
    """
    read, at = [], 0
    for given in _PRONUNCIATION.finditer(sentence):
        read += [_respelled(sentence[at : given.start()], alphabet), given.group()]
        at = given.end()
    return "".join([*read, _respelled(sentence[at:], alphabet)])


def _respelled(sentence: str, alphabet: frozenset[str]) -> str:
    text = unicodedata.normalize("NFC", sentence)
    text = "".join(" " if _is_invisible(char) == "space" else char for char in text if _is_invisible(char) != "drop")
    for pattern, replacement in _RESPELL:
        text = pattern.sub(replacement, text)
    text = _LONG_NUMBER.sub(lambda match: " ".join(match.group().replace(",", "")), text)
    text = _LONG_WORD.sub(lambda match: " ".join(_pieces(match.group(), 24)), text)
    return "".join(char if char.isascii() or char in alphabet else _unaccented(char) for char in text)


def _is_foreign(char: str) -> bool:
    if char.isascii() or unicodedata.category(char)[0] not in "LN":
        return False
    if unicodedata.normalize("NFKC", char).isascii():  # ½, ², ①, ﬁ, full-width letters
        return False
    return not unicodedata.name(char, "").startswith(_READABLE_NAMES)


def _is_invisible(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":  # soft hyphens, zero-width joiners, direction marks
        return "drop"
    return "space" if category == "Cc" else ""


def _unaccented(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0]
    return base if base.isascii() else char


def _pieces(word: str, limit: int) -> list[str]:
    length = -(-len(word) // -(-len(word) // limit))  # pieces of nearly equal length
    return [word[at : at + length] for at in range(0, len(word), length)]


def _name(chars: list[str]) -> str:
    distinct = list(dict.fromkeys(chars))
    named = ", ".join(f"{char} ({unicodedata.name(char, 'no name').lower()})" for char in distinct[:MAX_NAMED])
    return named + (f" and {len(distinct) - MAX_NAMED} more" if len(distinct) > MAX_NAMED else "")
