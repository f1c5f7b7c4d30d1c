"""Numbers in words with what belongs to them: units, percent, ranges, fractions, ordinals, signs."""

from __future__ import annotations

import re

from nodes._spoken.money import MAGNITUDES, plain_number
from nodes._spoken.numbers import cardinal, digits, in_pairs, number, ordinal, year

_UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer", "nm": "nanometer",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "µg": "microgram", "t": "ton", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "ft": "foot", "mi": "mile", "yd": "yard", "L": "liter", "l": "liter", "ml": "milliliter",
    "mL": "milliliter", "cl": "centiliter", "dl": "deciliter", "s": "second", "ms": "millisecond", "µs": "microsecond",
    "ns": "nanosecond", "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour",
    "hrs": "hour", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "KB": "kilobyte",
    "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "KiB": "kibibyte",
    "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "Wh": "watt hour", "kWh": "kilowatt hour",
    "MWh": "megawatt hour", "V": "volt", "kV": "kilovolt", "mV": "millivolt", "mA": "milliampere",
    "mAh": "milliampere hour", "Ω": "ohm", "kΩ": "kiloohm", "N": "newton", "J": "joule", "kJ": "kilojoule",
    "cal": "calorie", "kcal": "kilocalorie", "Pa": "pascal", "hPa": "hectopascal", "kPa": "kilopascal", "bar": "bar",
    "dB": "decibel", "px": "pixel", "ha": "hectare", "cc": "cubic centimeter", "sq ft": "square foot",
    "sq mi": "square mile", "sq m": "square meter", "TFLOPS": "teraflops", "rpm": "revolutions per minute",
    "mph": "miles per hour", "kph": "kilometers per hour", "kmh": "kilometers per hour", "fps": "frames per second",
    "bps": "bits per second", "kbps": "kilobits per second", "Mbps": "megabits per second", "mol": "mole",
    "Gbps": "gigabits per second", "dpi": "dots per inch", "ppm": "parts per million", "lm": "lumen",
    "ly": "light-year",
}  # fmt: skip
_IRREGULAR = {"foot": "feet", "square foot": "square feet", "hertz": "hertz", "teraflops": "teraflops"}
_PER = {"h": "hour", "s": "second", "min": "minute", "d": "day", "day": "day", "yr": "year"}
_POWERS = {"²": "square ", "2": "square ", "^2": "square ", "³": "cubic ", "3": "cubic ", "^3": "cubic "}
_NAMES = "|".join(re.escape(name) for name in sorted(_UNITS, key=len, reverse=True))
_N = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_UNIT = re.compile(
    rf"(?<![\w.])({_N})(?:\s?[-–]\s?({_N}))?(?:\s|-(?=[a-z]{{2}}))?({_NAMES})(²|³|\^?[23](?!\w))?"
    rf"(?:/({_NAMES}|d|day|yr)(²|³|\^?[23])?)?(?![\w'’]|\.\w)"
)
_DEGREES = re.compile(rf"(?<![\w.])({_N})\s?(?:°\s?([CF])?|(℃|℉))(?![\w])")
_FEET = re.compile(r"(?<![\w.])(\d{1,2})['′](\d{1,2})[\"″](?!\w)")
_MAGNITUDE = re.compile(rf"(?<![\w.])({_N})(k|K(?=\s)|M|bn|tn)(?=[\s.,;:!?)]|$)")
_NEGATIVE = re.compile(r"(?<![\w.)])[-−](?=\d)")
_PERCENT = re.compile(rf"(?<![\w.])({_N})(?:\s?[-–]\s?({_N}))?\s?(%|‰)")
_RANGE = re.compile(r"(?<![\w.\-])(\d+(?:\.\d+)?)\s?(?:–|-(?!\d*-))\s?(\d+(?:\.\d+)?)(?![\w\-]|\.\d)")
_RATIO = re.compile(r"(?<![\w:.])(\d{1,3}):(\d{1,3})(?![\w:]|\.\d)")
_FRACTION = re.compile(r"(?<![\w./])(\d{1,3})/(\d{1,3})(?![\w/]|\.\d)")
_VULGAR = re.compile(r"(?:(\d+)\s?)?([¼½¾⅐-⅞])")
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})*|\d+)(?:st|nd|rd|th)\b")
_DECADE = re.compile(r"(?<![\w.])'?(?:(1[1-9]|20)?(\d0))'?s\b")
_POWER = re.compile(r"(?<=[\w)])([²³])")
_LETTERS_DIGITS = re.compile(r"(?<![\w.])([A-Za-z]+)-?(\d{1,4})(?=[^\w.]|\.(?!\d)|[A-Z](?![a-z])|$)")
_BEFORE_LETTERS = re.compile(r"(?<=\d)(?=[A-Za-z])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d,]|\.\d)")
_NUMBER = re.compile(rf"{_N}|\.\d+")
_USUAL = frozenset((*range(2, 10), 12, 16, 20, 32, 64, 100))  # other denominators are dates and codes
_DENOMINATORS = {2: "half", 4: "quarter"}


def measures_in_words(text: str) -> str:
    """5 km/h -> five kilometers per hour; 10-20% -> ten to twenty percent"""
    text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    text = _NEGATIVE.sub("minus ", text)
    text = _DEGREES.sub(_degrees, text)
    text = _FEET.sub(lambda m: f"{cardinal(int(m[1]))} foot {cardinal(int(m[2]))}", text)
    text = _DECADE.sub(_decade, text)
    text = _UNIT.sub(_unit, text)
    text = _MAGNITUDE.sub(lambda m: f"{plain_number(m[1])} {MAGNITUDES[m[2]]}", text)
    text = _PERCENT.sub(lambda m: f"{_span(m[1], m[2])} {'percent' if m[3] == '%' else 'per mille'}", text)
    text = _ORDINAL.sub(lambda m: ordinal(int(m[1].replace(",", ""))), text)
    text = _RATIO.sub(lambda m: f"{cardinal(int(m[1]))} to {cardinal(int(m[2]))}", text)
    text = _FRACTION.sub(lambda m: _fraction(int(m[1]), int(m[2])), text)
    text = _VULGAR.sub(_vulgar, text)
    text = _RANGE.sub(lambda m: f"{number(m[1])} to {number(m[2])}", text)
    return _POWER.sub(lambda m: " squared" if m[1] == "²" else " cubed", text)


def numbers_in_words(text: str) -> str:
    """What digits are left: MP3 -> MP three, 4K -> four K, 1,250 -> one thousand two hundred fifty"""
    text = _LETTERS_DIGITS.sub(lambda m: f"{m[1]} {in_pairs(m[2])} ".rstrip() + _gap(m), text)
    text = _BEFORE_LETTERS.sub(" ", text)
    return _NUMBER.sub(lambda m: _set_off(m, number(m[0])), text)


def _gap(match: re.Match[str]) -> str:
    return " " if match.string[match.end() : match.end() + 1].isalpha() else ""


def _set_off(match: re.Match[str], words: str) -> str:
    return (" " if match.string[: match.start()][-1:].isalnum() else "") + words


def _span(first: str, last: str | None) -> str:
    return plain_number(first) + (f" to {plain_number(last)}" if last else "")


def _counted(written: str, name: str) -> str:
    return f"{plain_number(written)} {name if written == '1' else _plural(name)}"


def _plural(name: str) -> str:
    return name if " per " in name else _IRREGULAR.get(name, f"{name}s")


def _unit(match: re.Match[str]) -> str:
    first, last, unit, power, per, per_power = match.groups()
    if unit in ("t", "l", "h") and not last and "-" in match[0]:
        return match[0]
    name = _POWERS.get(power or "", "") + _UNITS[unit]
    words = f"{_span(first, last)} {name if first == '1' and not last else _plural(name)}"
    if per:
        name, power = _PER.get(per) or _UNITS[per], _POWERS.get(per_power or "", "")
        words += f" per {name} {power.strip()}d" if name == "second" and power else f" per {power}{name}"
    return words


def _degrees(match: re.Match[str]) -> str:
    scale = {"C": " Celsius", "F": " Fahrenheit", "℃": " Celsius", "℉": " Fahrenheit", "": ""}
    return _counted(match[1], "degree") + scale[match[2] or match[3] or ""]


def _decade(match: re.Match[str]) -> str:
    words = year(int(match[1] + match[2])) if match[1] else cardinal(int(match[2]))
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _fraction(part: int, whole: int) -> str:
    if (part, whole) == (24, 7):
        return "twenty-four seven"
    if whole == 10:
        return f"{cardinal(part)} out of ten"
    if not 0 < part < whole or whole not in _USUAL:
        return f"{cardinal(part)} slash {cardinal(whole)}"
    name = _DENOMINATORS.get(whole) or ordinal(whole)
    return f"{cardinal(part)} {name if part == 1 else 'halves' if whole == 2 else name + 's'}"


def _vulgar(match: re.Match[str]) -> str:
    import unicodedata

    part, whole = unicodedata.normalize("NFKC", match[2]).split("⁄")
    words = _fraction(int(part), int(whole))
    if not match[1]:
        return words
    return f"{number(match[1])} and {'a half' if words == 'one half' else words}"


def spelled(text: str) -> str:
    """ABC12 -> A B C one two"""
    return " ".join(digits(char) if char.isdigit() else char.upper() for char in text if not char.isspace())
