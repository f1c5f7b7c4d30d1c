"""Splits English text into sentences. A period alone is ambiguous: Dr. Smith paid 3.50 at 5 p.m. ... once.

Rules, in order: a blank line or a bullet always ends a sentence; an end mark before a lower-case word never does;
titles and abbreviations that need a following word never do; abbreviations that may end a sentence do if the next word
is one that commonly starts a sentence.
"""

from __future__ import annotations

import re

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+\S)")
_END = re.compile(r"[.!?…]+[\"”’')\]]*(?=\s+\S)")
_OPENING = "\"“‘'(["
_LAST_WORD = re.compile(r"[^\s\"“‘'(\[—–]+$")
_ACRONYM = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# These precede a name, a number or an example, so they never end a sentence.
_LEADS_ON = _words(
    "mr mrs ms mx dr prof st mt gen sen rep gov capt cmdr lt col sgt maj adm rev hon pres supt messrs "
    "vs cf viz approx ca fig figs eq no nos vol vols pp ed eds e.g i.e"
)
# These may or may not end a sentence.
_MAY_END = _words(
    "etc al inc ltd co corp jr sr dept est ave blvd rd ft jan feb mar apr jun jul aug sep sept oct nov dec"
)
_STARTERS = _words(
    "the a an it its this that these those he she they we i you his her their our my your there here then so but and "
    "or if when while after before as at in on for from with what who why how where no not yes now one some all both "
    "each many most however still yet also once next first finally later meanwhile instead"
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, with their end marks and normalised spaces. No word is lost."""
    sentences: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        flat = " ".join(paragraph.split())
        start = 0
        for match in _END.finditer(flat):
            if _is_end(flat[: match.end()], match.group(), flat[match.end() :].lstrip()):
                sentences.append(flat[start : match.end()].strip())
                start = match.end()
        sentences.append(flat[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_end(before: str, marks: str, after: str) -> bool:
    following = after.lstrip(_OPENING)
    if following[:1].islower():
        return False
    if not marks.startswith(".") or marks.startswith(".."):
        return True
    last = _LAST_WORD.search(before[: len(before) - len(marks)])
    word = last.group() if last else ""
    bare = word.lower().strip(".")
    next_word = re.split(r"[^\w’']", following, maxsplit=1)[0].lower()
    if bare in ("no", "nos"):  # "No. 5" against "He said no. Then"
        return not following[:1].isdigit()
    if bare in _LEADS_ON:
        return False
    if bare in _MAY_END or _ACRONYM.fullmatch(word) or (len(word) == 1 and word.isalpha()):
        return next_word in _STARTERS
    return True
