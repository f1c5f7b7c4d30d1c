"""Dates, times of day and telephone numbers in words. Numeric dates are read as in America: month, day."""

from __future__ import annotations

import re

from nodes._spoken.numbers import cardinal, digits, ordinal, year

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SHORT = {name[:3]: name for name in MONTHS} | {"Sept": "September"}
_MONTH = "|".join([*MONTHS, *(rf"{short}\.?" for short in sorted(_SHORT, key=len, reverse=True) if short != "May")])
_HALF = r"(?:\s?([aApP])\.?[mM](?:\.|\b)(?![A-Za-z]))"
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:[T ](?=\d{2}:\d{2})|(?![\d-]))")
_SLASHES = re.compile(r"(?<![\w/])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\w/])")
_DOTS = re.compile(r"(?<![\w.])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?![\w]|\.\d)")
_MONTH_DAY = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?!:\d|\s?%)(?:(,?) (\d{{4}})\b)?")
_DAY_MONTH = re.compile(rf"\b(?:(the) )?(\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?({_MONTH})(?!\w)(?:(,?) (\d{{4}})\b)?")
_MONTH_YEAR = re.compile(rf"\b({_MONTH}) (\d{{4}})\b")
_TIME = re.compile(rf"(?<![\w:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?(?:Z\b)?{_HALF}?(?![\d:])")
_HOUR = re.compile(rf"(?<![\w:.])(\d{{1,2}}){_HALF}")
_PHONE = re.compile(
    r"(?<![\w.\-])(?:\+\d[\d ()./-]{6,}\d|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|\d{3}-\d{4})(?![\w-]|\.\d)"
)


def dates_in_words(text: str) -> str:
    """2024-03-03 -> March third, twenty twenty-four"""
    text = _ISO.sub(lambda m: f"{_date(m[1], int(m[2]), int(m[3])) or m[0]}{' ' * (m[0][-1] in 'T ')}", text)
    text = _SLASHES.sub(_slashes, text)
    text = _DOTS.sub(lambda m: _day_first(m[3], int(m[2]), int(m[1])) or m[0], text)
    text = _MONTH_DAY.sub(lambda m: _date(m[4], _number_of(m[1]), int(m[2])) or m[0], text)
    text = _DAY_MONTH.sub(lambda m: _day_first(m[5], _number_of(m[3]), int(m[2])) or m[0], text)
    return _MONTH_YEAR.sub(lambda m: f"{MONTHS[_number_of(m[1]) - 1]} {year(int(m[2]))}", text)


def times_in_words(text: str) -> str:
    """7:30 pm -> seven thirty P M"""
    text = _TIME.sub(_time, text)
    return _HOUR.sub(lambda m: f"{cardinal(int(m[1]))} {_half(m, 2)}", text)


def phones_in_words(text: str) -> str:
    """555-1234 -> five five five, one two three four"""
    return _PHONE.sub(lambda m: phone(m[0]), text)


def phone(written: str) -> str:
    plus = "plus " if written.startswith("+") else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", written))


def _number_of(month: str) -> int:
    return MONTHS.index(_SHORT[month[:3]]) + 1


def _slashes(match: re.Match[str]) -> str:
    first, second, written = int(match[1]), int(match[2]), match[3]
    if len(written) == 2:
        written = ("19" if int(written) > 50 else "20") + written
    return _date(written, first, second) or _date(written, second, first) or match[0]


def _date(written: str | None, month: int, day: int) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return ""
    return f"{MONTHS[month - 1]} {ordinal(day)}" + (f", {year(int(written))}" if written else "")


def _day_first(written: str | None, month: int, day: int) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return ""
    return f"the {ordinal(day)} of {MONTHS[month - 1]}" + (f" {year(int(written))}" if written else "")


def _time(match: re.Match[str]) -> str:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    words = cardinal(hour)
    if minute:
        words += f"{' oh' if minute < 10 else ''} {cardinal(minute)}"
    elif not match[4]:
        words += " hundred hours" if hour > 12 else " o'clock" if hour else " hours"
    if second and int(second):
        words += f" and {cardinal(int(second))} second{'' if int(second) == 1 else 's'}"
    return f"{words} {_half(match, 4)}" if match[4] else words


def _half(match: re.Match[str], group: int) -> str:
    """A M or P M; the full stop of ``p.m.`` at the end of a sentence also ends it."""
    ends = match[0].endswith(".") and not match.string[match.end() :].strip("\"”’')] ")
    return f"{match[group].upper()} M{'.' if ends else ''}"
