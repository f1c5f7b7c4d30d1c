"""Word error rate as papers on speech report it: Whisper's English normaliser, then jiwer.

Method: WER = (substitutions + deletions + insertions) / words of the reference. The normaliser of Radford et al. 2022
(appendix C) brings both texts to one spelling first: case, punctuation, numbers, abbreviations, contractions, British
and American English. Source: whisper-normalizer (MIT), OpenAI's code as a package; jiwer (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from nodes._spoken.marks import without_pronunciations


def normalised(text: str) -> str:
    """The text as it is compared: words of lower case with one space between them; "" where it has none."""
    text = _normaliser()(without_pronunciations(text)).strip()
    return text if any(char.isalnum() for char in text) else ""  # full stops may be left of an ellipsis


def word_error_rate(reference: str, heard: str) -> float:
    """Wrong words / words of ``reference``; 0 is perfect, may exceed 1. The reference must have words."""
    import jiwer

    return float(jiwer.wer(normalised(reference), normalised(heard)))


@cache
def _normaliser() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser
