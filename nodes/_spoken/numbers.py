"""English number words in American style: cardinals, ordinals, years, digits."""

from __future__ import annotations

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ["", "thousand", "million", "billion", "trillion", "quadrillion"]
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
MAX_DIGITS = 3 * len(_SCALES)  # a longer number is read digit by digit


def cardinal(number: int) -> str:
    """1234 -> one thousand two hundred thirty-four"""
    if number < 1000:
        return _below_1000(number)
    groups = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{_below_1000(group)} {scale}".strip())
    return " ".join(reversed(groups))


def _below_1000(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" + (f" {_below_1000(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """21 -> twenty-first"""
    words = cardinal(number)
    at = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[at:]
    if last in _IRREGULAR:
        return words[:at] + _IRREGULAR[last]
    return words[:at] + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def year(number: int) -> str:
    """1905 -> nineteen oh five, 2005 -> two thousand five, 2024 -> twenty twenty-four"""
    century, rest = divmod(number, 100)
    if not 1100 <= number <= 2099 or 2000 <= number <= 2009:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """The digits of a text one by one: 405 -> four zero five"""
    return " ".join(_ONES[int(char)] for char in text if char.isdigit())


def in_pairs(text: str) -> str:
    """How a name's number is read: 201 -> two oh one, 264 -> two sixty-four, 8080 -> eighty eighty"""
    if len(text) > 4 or text.startswith("0"):
        return digits(text)
    if len(text) < 3 or text.endswith("00"):
        return cardinal(int(text))
    head, tail = text[:-2], text[-2:]
    return f"{cardinal(int(head))} {'oh ' + digits(tail[1]) if tail[0] == '0' else cardinal(int(tail))}"


def number(written: str) -> str:
    """A number as written in English, 1,250.5, in words. A whole number of four digits is read as a year is."""
    whole, _, fraction = written.replace(",", "").partition(".")
    if len(whole) > MAX_DIGITS or (len(whole) > 1 and whole.startswith("0") and not fraction):
        words = digits(whole)
    elif len(whole) == 4 and "," not in written and not fraction:
        words = year(int(whole))
    else:
        words = cardinal(int(whole or "0"))
    return f"{words} point {digits(fraction)}" if fraction else words
