"""What the English voice can read, and the spellings it is handed instead of signs it would drop or misread."""

from __future__ import annotations

import re
import unicodedata

from nodes.sdk import NodeError

_PRONUNCIATION = re.compile(r"\[([^\]]+)\]\((/[^)]*/)\)")  # [word](/phonemes/), read by the front end
MAX_NAMED = 12  # offending characters an error lists
_READABLE_NAMES = ("LATIN", "GREEK SMALL LETTER", "GREEK CAPITAL LETTER", "MICRO SIGN", "VULGAR FRACTION")
# The package's front end reads numbers, dates, times, units, money and acronyms well. These it does not (0.2.1).
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
_LONG_NUMBER = re.compile(r"\d(?:,?\d){18,}")  # nobody reads these as one number: digit by digit
_LONG_WORD = re.compile(
    r"[^\W\d_]{25,}"
)  # the front end drops what is behind the 24th letter of a word it does not know
_GREEK_WORD = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]{2,}")  # one Greek letter is a sign with an English name: π, μ


def refuse_unreadable(text: str) -> None:
    """Raise NodeError when the voice would leave words out: letters of other scripts, or nothing to read at all.

    Emoji and ornaments inside readable text are not words; they are passed over, as a person reading aloud would.
    """
    text = _PRONUNCIATION.sub(r"\1", text)
    foreign = [char for char in text if _is_foreign(char)]
    foreign += [char for word in _GREEK_WORD.findall(text) for char in word]
    if foreign:
        raise NodeError(
            "the voice reads English and cannot speak some of these letters",
            where="narration",
            seen=_name(foreign),
            allowed="Latin letters, digits, punctuation and common signs",
            remedy="Write these words in Latin letters, or use a voice that speaks the language.",
            first_at=text.index(foreign[0]),
        )
    if not has_words(text):
        raise NodeError(
            "there is nothing to speak in the narration",
            where="narration",
            seen=_name([char for char in text if not char.isspace()]) or "no characters but white space",
            allowed="a text with at least one letter or digit",
            remedy="Write what the speaker should say.",
        )


def has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)


def as_read(sentence: str, alphabet: frozenset[str]) -> str:
    """The sentence in the spelling that the front end reads right.

    Args:
        alphabet: letters the front end's network for unknown words knows; others lose their accents.
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
    length = -(-len(word) // -(-len(word) // limit))  # as even as possible
    return [word[at : at + length] for at in range(0, len(word), length)]


def _name(chars: list[str]) -> str:
    distinct = list(dict.fromkeys(chars))
    named = ", ".join(f"{char} ({unicodedata.name(char, 'no name').lower()})" for char in distinct[:MAX_NAMED])
    return named + (f" and {len(distinct) - MAX_NAMED} more" if len(distinct) > MAX_NAMED else "")
