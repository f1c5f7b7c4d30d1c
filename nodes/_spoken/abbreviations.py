"""Abbreviations and signs in words: Dr. Smith, e.g., No. 5, R&D, #1."""

from __future__ import annotations

import re

_TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "St": "Saint", "Gen": "General",
    "Sen": "Senator", "Rep": "Representative", "Gov": "Governor", "Capt": "Captain", "Lt": "Lieutenant",
    "Col": "Colonel", "Sgt": "Sergeant", "Rev": "Reverend", "Hon": "Honorable", "Pres": "President", "Mt": "Mount",
    "Ft": "Fort",
}  # fmt: skip
_BEFORE_NUMBERS = {
    "No.": "number", "Nos.": "numbers", "no.": "number", "Fig.": "figure", "fig.": "figure", "Eq.": "equation",
    "eq.": "equation", "p.": "page", "pp.": "pages", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter",
    "ch.": "chapter", "Sec.": "section", "sec.": "section", "§": "section", "§§": "sections", "№": "number",
}  # fmt: skip
_WRITTEN = {  # with a full stop, which a sentence may end with
    "e.g": "for example", "eg": "for example", "i.e": "that is", "etc": "et cetera", "vs": "versus", "cf": "compare",
    "approx": "approximately", "al": "al", "Jr": "Junior", "Sr": "Senior", "Inc": "Incorporated", "Ltd": "Limited",
    "Co": "Company", "Corp": "Corporation", "Dept": "Department", "dept": "department", "Ave": "Avenue",
    "Blvd": "Boulevard", "Rd": "Road", "incl": "including", "max": "maximum",
    "est": "established", "viz": "namely",
    "resp": "respectively", "Ph.D": "P H D", "a.k.a": "also known as", "Mon": "Monday", "Tue": "Tuesday",
    "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sept": "September", "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip
_TITLE = re.compile(rf"\b({'|'.join(_TITLES)})\.? (?=[A-Z\ue000-\uf8ff])(?<!\d (?:Dr|St|Ft|Mt) )")
_STREET = re.compile(r"(?<=[a-z] )(St|Dr)\.?(?=[\s,]*$|[,;]|\.? (?:[a-z]|in\b|and\b))")
_NUMBERED = re.compile(
    rf"(?<![\w.])({'|'.join(re.escape(one) for one in sorted(_BEFORE_NUMBERS, key=len, reverse=True))})\s?(?=\d)"
)
_PLAIN = re.compile(
    rf"(?<![\w.])({'|'.join(re.escape(one) for one in sorted(_WRITTEN, key=len, reverse=True))})\.(?![\w])"
)
_BARE = re.compile(r"(?<![\w.])(vs|etc|e\.g|i\.e)(?![\w.])")
_SIGNS = (
    (re.compile(r"(?<![\w])w/o\b"), "without"),
    (re.compile(r"(?<![\w])w/(?=\s|\w)"), "with "),
    (re.compile(r"(?<![\w])b/c\b"), "because"),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"(?<!\w)#(?=\d)"), "number "),
    (re.compile(r"(?<!\w)#(?=[A-Za-z])"), "hashtag "),
    (re.compile(r"\s?&\s?"), " and "),
    (re.compile(r"@\s?(?=\w)"), " at "),
    (
        re.compile(r"\b(he|his|him|she|her|hers|they|yes|no|either|on|off|true|false|day|night)/(?=[a-z]+\b)", re.I),
        r"\1 or ",
    ),
    (re.compile(r"(?<=[A-Z]{2})/(?=[A-Z]{2})"), " "),
    (re.compile(r"(?<=\w)/(?=\w)"), " slash "),
    (re.compile(r"(?<=\w)\((e?s)\)"), r"\1"),
    (re.compile(r"[™®]|[\u2190-\u2bff](?<![≈≤≥≠±×÷])"), " "),
    (re.compile(r"©"), " copyright "),
    (re.compile(r"¶"), " paragraph "),
)


def abbreviations_in_words(text: str) -> str:
    """Dr. Smith -> Doctor Smith"""
    text = _TITLE.sub(lambda m: _TITLES[m[1]] + " ", text)
    text = _STREET.sub(lambda m: {"St": "Street", "Dr": "Drive"}[m[1]], text)
    text = _NUMBERED.sub(lambda m: _BEFORE_NUMBERS[m[1]] + " ", text)
    text = _PLAIN.sub(_written, text)
    return _BARE.sub(lambda m: _WRITTEN[m[1]], text)


def signs_in_words(text: str) -> str:
    """R&D -> R and D"""
    for pattern, words in _SIGNS:
        text = pattern.sub(words, text)
    return text


def _written(match: re.Match[str]) -> str:
    ends = not match.string[match.end() :].strip("\"”’')] ")
    comma = "," if match[1] in ("e.g", "i.e", "eg") and match.string[match.end() : match.end() + 1] == " " else ""
    return _WRITTEN[match[1]] + ("." if ends else comma)
