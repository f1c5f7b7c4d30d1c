"""Amounts of money in words, the currency before or after: $9.99, 12,50 €, 100 USD, £5bn."""

from __future__ import annotations

import re

from nodes._spoken.numbers import cardinal, number

_Currency = tuple[str, str, str, str]  # one, many, one hundredth, many hundredths
_DOLLAR: _Currency = ("dollar", "dollars", "cent", "cents")
_POUND: _Currency = ("pound", "pounds", "penny", "pence")
_EURO: _Currency = ("euro", "euros", "cent", "cents")
_YEN: _Currency = ("yen", "yen", "", "")
_RUPEE: _Currency = ("rupee", "rupees", "paisa", "paise")
_YUAN: _Currency = ("yuan", "yuan", "fen", "fen")
_WON: _Currency = ("won", "won", "", "")
_FRANC: _Currency = ("Swiss franc", "Swiss francs", "centime", "centimes")
_ZLOTY: _Currency = ("zloty", "zlotys", "grosz", "groszy")
_RUBLE: _Currency = ("ruble", "rubles", "kopeck", "kopecks")
_LIRA: _Currency = ("lira", "lira", "kurus", "kurus")


def _dollars(country: str) -> _Currency:
    return (f"{country} dollar", f"{country} dollars", "cent", "cents")


def _crowns(country: str) -> _Currency:
    return (f"{country} crown", f"{country} crowns", "", "")


CURRENCIES: dict[str, _Currency] = {
    "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "£": _POUND, "GBP": _POUND, "€": _EURO, "EUR": _EURO,
    "¥": _YEN, "JPY": _YEN, "₹": _RUPEE, "INR": _RUPEE, "Rs.": _RUPEE, "Rs": _RUPEE, "CNY": _YUAN, "RMB": _YUAN,
    "₩": _WON, "KRW": _WON, "CHF": _FRANC, "PLN": _ZLOTY, "zł": _ZLOTY, "₽": _RUBLE, "RUB": _RUBLE,
    "₺": _LIRA, "TRY": _LIRA, "CA$": _dollars("Canadian"), "C$": _dollars("Canadian"), "CAD": _dollars("Canadian"),
    "A$": _dollars("Australian"), "AUD": _dollars("Australian"), "NZD": _dollars("New Zealand"),
    "SGD": _dollars("Singapore"), "HKD": _dollars("Hong Kong"), "SEK": _crowns("Swedish"), "NOK": _crowns("Norwegian"),
    "DKK": _crowns("Danish"), "CZK": _crowns("Czech"), "Kč": _crowns("Czech"),
    "R$": ("real", "reais", "centavo", "centavos"), "BRL": ("real", "reais", "centavo", "centavos"),
    "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"), "ZAR": ("rand", "rand", "cent", "cents"),
    "₪": ("shekel", "shekels", "", ""), "ILS": ("shekel", "shekels", "", ""), "₴": ("hryvnia", "hryvnias", "", ""),
    "₿": ("bitcoin", "bitcoins", "", ""), "BTC": ("bitcoin", "bitcoins", "", ""),
}  # fmt: skip
MAGNITUDES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "bn": "billion", "b": "billion",
    "B": "billion", "tn": "trillion", "T": "trillion", "hundred": "hundred", "thousand": "thousand",
    "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_NAMES = "|".join(re.escape(name) for name in sorted(CURRENCIES, key=len, reverse=True))
_BIG = r"(?:\s?(k|K|mn?|M|bn?|B|tn|T|hundred|thousand|million|billion|trillion)(?![\w]))?"
_NUM = r"(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)"
_RANGE = r"(?:\s?[-–]\s?(?:NAMES)?\s?(\d+(?:,\d{3})*(?:\.\d+)?))?".replace("NAMES", _NAMES)
_BEFORE = re.compile(rf"([-−])?(?<![\w$£€])({_NAMES})\s?([-−])?{_NUM}{_RANGE}{_BIG}")
_AFTER = re.compile(rf"(?<![\w.,])([-−])?{_NUM}{_BIG}\s?({_NAMES})(?!\w)")
_CENTS = re.compile(r"(?<![\w.,])(\d+)(?:\s?(¢)|(p)(?![\w.]|\.\w))")
_GROUPS = re.compile(rf"(?<![\d.,])(\d{{1,3}}(?: \d{{3}})+)(?=(?:,\d{{1,2}})?\s?(?:{_NAMES})(?!\w))")
_COMPARED = (
    (re.compile(r"(?:^|(?<=\s))>\s?(?=[$£€¥])"), "more than "),
    (re.compile(r"(?:^|(?<=\s))<\s?(?=[$£€¥])"), "less than "),
)
_COMMA_DECIMAL = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}")
_DOT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+")


def money_in_words(text: str) -> str:
    """$9.99 -> nine dollars and ninety-nine cents"""
    for pattern, words in _COMPARED:
        text = pattern.sub(words, text)
    text = _GROUPS.sub(lambda m: m[1].replace(" ", ""), text)
    text = _BEFORE.sub(lambda m: _amount(m[2], m[4], m[6], minus=bool(m[1] or m[3]), until=m[5]), text)
    text = _AFTER.sub(lambda m: _amount(m[4], m[2], m[3], minus=bool(m[1])), text)
    return _CENTS.sub(_cents, text)


def _cents(match: re.Match[str]) -> str:
    one, many = ("cent", "cents") if match[2] == "¢" else ("penny", "pence")
    return f"{cardinal(int(match[1]))} {one if int(match[1]) == 1 else many}"


def _amount(currency: str, written: str, big: str | None, *, minus: bool, until: str | None = None) -> str:
    one, many, small_one, small_many = CURRENCIES[currency]
    sign = "minus " if minus else ""
    value = _english(written)
    if big or until:
        words = plain_number(value) + (f" to {plain_number(until)}" if until else "")
        return f"{sign}{words} {MAGNITUDES[big] + ' ' if big else ''}{many}"
    whole, _, fraction = value.replace(",", "").partition(".")
    units = f"{plain_number(whole)} {one if int(whole) == 1 else many}"
    if not fraction.strip("0"):
        return sign + units
    if len(fraction) > 2 or not small_one:
        return f"{sign}{plain_number(value)} {many}"
    cents = int(fraction.ljust(2, "0"))
    small = f"{cardinal(cents)} {small_one if cents == 1 else small_many}"
    return sign + (small if int(whole) == 0 else f"{units} and {small}")


def _english(written: str) -> str:
    """12,50 and 1.250,00, as most of Europe writes them -> 12.50 and 1250.00"""
    if _COMMA_DECIMAL.fullmatch(written):
        return written.replace(".", "").replace(",", ".")
    return written.replace(".", "") if _DOT_GROUPS.fullmatch(written) else written


def plain_number(written: str) -> str:
    """In words as an amount, never as a year: 2024 -> two thousand twenty-four"""
    whole, dot, fraction = written.replace(",", "").partition(".")
    return number(f"{int(whole or '0'):,}{dot}{fraction}")
