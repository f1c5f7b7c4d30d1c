"""Respells a sentence in words for the front end of the English voice: letters, long words, emphasis."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from nodes._spoken.marks import EMPHASIS, PLAIN, without_marks

_PRONUNCIATION = re.compile(r"\[([^\]]+)\]\((/[^)]*/)\)")  # [word](/phonemes/), read by the front end
_LONG_WORD = re.compile(r"[^\W\d_]{25,}")  # the front end drops everything after the 24th letter of an unknown word
_SPELLED = re.compile(r"(?<![\w.'])([A-Z](?: [A-Z])+)(?![\w'])\.?")  # an "A" among them would be read as an article
_EMPHASISED = re.compile(f"{EMPHASIS}([^{PLAIN}]*){PLAIN}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_STRESSED = re.compile("ˈ([AIOQWYaiuæɑɐɒɔəɛɜɪʊʌᵻ])")
_VOWEL = re.compile("(?:[ˈˌ])?([AIOQWYaiuæɑɐɒɔəɛɜɪʊʌᵻ])")

ReadPhonemes = Callable[[str], str]


def as_read(sentence: str, alphabet: frozenset[str], phonemes_of: ReadPhonemes | None = None) -> str:
    """The sentence in a spelling that the front end reads correctly.

    Args:
        alphabet: letters that the front end's network for unknown words accepts; other letters lose their accents.
        phonemes_of: reads a word, for emphasised words; without it, nothing is emphasised.
    """
    read, at = [], 0
    if phonemes_of is not None:
        sentence = _EMPHASISED.sub(lambda match: _emphasised(match[1], alphabet, phonemes_of), sentence)
    sentence = without_marks(sentence)
    for given in _PRONUNCIATION.finditer(sentence):
        read += [_respelled(sentence[at : given.start()], alphabet), given.group()]
        at = given.end()
    return "".join([*read, _respelled(sentence[at:], alphabet)])


def _respelled(text: str, alphabet: frozenset[str]) -> str:
    text = _SPELLED.sub(lambda match: match[1].replace(" ", ".") + ".", text)
    text = _LONG_WORD.sub(lambda match: " ".join(_pieces(match.group(), 24)), text)
    return "".join(char if char.isascii() or char in alphabet else _unaccented(char) for char in text)


def _emphasised(words: str, alphabet: frozenset[str], phonemes_of: ReadPhonemes) -> str:
    """Each word with the main stress on one vowel, which the mark ː makes three quarters longer."""
    if _PRONUNCIATION.search(words):
        return words

    def stressed(match: re.Match[str]) -> str:
        phonemes = phonemes_of(_respelled(match[0], alphabet))
        if _STRESSED.search(phonemes):
            phonemes = _STRESSED.sub(r"ˈ\1ː", phonemes, count=1)
        else:
            phonemes = _VOWEL.sub(r"ˈ\1ː", phonemes, count=1)
        return f"[{match[0]}](/{phonemes}/)" if phonemes and not set(phonemes) & set("/)") else match[0]

    return _WORD.sub(stressed, words)


def _unaccented(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0]
    return base if base.isascii() else char


def _pieces(word: str, limit: int) -> list[str]:
    length = -(-len(word) // -(-len(word) // limit))  # pieces of nearly equal length
    return [word[at : at + length] for at in range(0, len(word), length)]
