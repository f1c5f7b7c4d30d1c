"""Addresses, versions, dotted names, code and operators in words: 10.0.0.1, v2.0.1, node.js, a != b."""

from __future__ import annotations

import re

from nodes._spoken.measures import spelled
from nodes._spoken.numbers import cardinal, digits, in_pairs

# Country domains and file endings that are words; other short ones without a vowel are spelled.
_WORDS = frozenset(
    {
        "com", "org", "net", "edu", "gov", "info", "app", "dev", "biz", "test", "local", "exe", "doc", "log", "toml",
        "yaml", "wav", "zip", "bin", "java", "rust", "co", "me",
    }
)  # fmt: skip
_URL = re.compile(r"<?\b(?:https?|ftp|ssh|file)://([^\s<>\"“”]+)>?|\b(www\.[^\s<>\"“”]+)", re.I)
_EMAIL = re.compile(r"<?(?:mailto:)?\b([A-Za-z0-9][\w.+-]*)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)\b>?")
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:/(\d{1,2})(?!\d))?(?::(\d{1,5}))?(?![\w]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:])(?=[\da-fA-F:]*[a-fA-F:]{2})(?:[\da-fA-F]{1,4}:){1,7}(?::?[\da-fA-F]{1,4})?(?::[\da-fA-F]{1,4})*(?![\w:])"
)
_VERSION = re.compile(
    r"(?<![\w.])([vV]\.? ?)?(\d+(?:\.\d+){2,})(?:[-.]?(rc|a|b|alpha|beta|dev|post)[-.]?(\d*))?(?![\w]|\.\d)"
)
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.(?:19|20)\d{2}")
_SHORT_VERSION = re.compile(r"(?<![\w.])[vV](\d{1,2}(?:\.\d+)?)(?![\w]|\.\d)")
_NAMED_VERSION = re.compile(
    r"\b([Vv]ersion|[Pp]ython|[Jj]ava|CUDA|[Rr]elease|Ubuntu|Debian|iOS|Android) (\d+)\.(\d+)(?![\w]|\.\d)"
)
_DOTTED = re.compile(r"(?<![\w.])(\.?[A-Za-z][\w-]*(?:\.[A-Za-z_][\w-]*)+|\.[A-Za-z][\w-]+)")
_ACRONYM = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?|Ph\.D")
_FLAG = re.compile(r"(?<!\S)(--?)(?=[A-Za-z][\w-]*(?:[\s=.,;:!?)]|$))")
_PATH = re.compile(r"(?<![\w/.<])(~|\.{1,2})?((?:/[\w.@-]+)+/?)|\b([A-Za-z]):\\(\S+)")
_LANGUAGES = ((re.compile(r"\b([CF])#(?!\w)"), r"\1 sharp"), (re.compile(r"\bC\+\+(?!\w)"), "C plus plus"))
_CALL = re.compile(r"(?<=\w)\((?!e?s\))([^()]*)\)")
_INDEX = re.compile(r"(?<=\w)\[([\w:'\"-]+)\]")
# In this order: longer signs first.
_OPERATORS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"(?<!\S)<3(?!\S)(?! )|(?<!\S)<3(?=[.!?]?\s*$)", " "),  # a heart
        (r"\s?!==?\s?", " is not equal to "),
        (r"(?<=[\w)\]])\s?===?\s?(?=[\w\"'(\[-])", " is equal to "),
        (r"(?<=[\w)\]])\s?(?:>=|≥)\s?", " is at least "),
        (r"(?<=[\w)\]])\s?(?:<=|≤)\s?", " is at most "),
        (r"(?:>=|≥)\s?", " at least "),
        (r"(?:<=|≤)\s?", " at most "),
        (r"\s?(?:->|→|⇒)\s?|(?<=\S)\s?=>\s?", " to "),
        (r"\s?←\s?", " from "),
        (r"\s?&&\s?", " and "),
        (r"(?<=[\w)\]])\s?\|\|\s?(?=[\w(\[!])", " or "),
        (r"(?<=\w)\+\+", " plus plus"),
        (r"(?<=\w)--(?=[\s;,.)]|$)", " minus minus"),
        (r"\s?\+=\s?", " plus equals "),
        (r"\s?-=\s?", " minus equals "),
        (r"\s?:=\s?", " becomes "),
        (r"(?<=[\w)\]])\s?(?:\*\*|\^)\s?(?=[\w(-])", " to the power of "),
        (r"(?<=[\w)\]])\s?[*×·]\s?(?=[\w(])|(?<=[\w)\]]) ?∗ ?(?=[\w(])", " times "),
        (r"(?<=[\w)\]])\s?÷\s?(?=[\w(])|(?<=[\w)\]])\s/\s(?=[\w(])", " divided by "),
        (r"(?<=[A-Za-z)\]]) % (?=[\w(])", " modulo "),
        (r"(?<=\d)\s?[-−]\s?(?=\d+(?:\.\d+)?\s?=)|(?<=[\w)\]]) [-−] (?=\d|\w\b|[(])", " minus "),
        (r"\s?≠\s?", " is not equal to "),
        (r"\s?[≈≅]\s?|(?<!\w)~\s?(?=\w)", " about "),
        (r"±\s?", " plus or minus "),
        (r"√\s?", " the square root of "),
        (r"∞", " infinity "),
        (r"(?<=[\w)\]])\s?=\s?(?=[\w\"'“(\[$€£-])", " equals "),
        (r"(?<=[\w)\]])\s>\s(?=[\w(-])|(?<=[\w)\]])>(?=\d)", " is greater than "),
        (r"(?<=[\w)\]])\s<\s(?=[\w(-])|(?<=[\w)\]])<(?=\d)", " is less than "),
        (r"(?:^|(?<=\s))>\s?(?=\d)", " more than "),
        (r"(?:^|(?<=\s))<\s?(?=\d)", " less than "),
        (r"\b(is|are|was|were|be) is (?=greater|less|at|equal|not)", r"\1 "),
        (r"(?<=[\w)\]%])\s?\+\s?(?=[\w(])", " plus "),
        (r"(?<![\w+])\+\s?(?=\d)", " plus "),
        (r"(?<!\w)!(?=[A-Za-z_])", "not "),
        (r"(?<=\w)::(?=\w)", " colon colon "),
        (r"(?<=\w)_+(?=\w)", " underscore "),
        (r"(?<=\w)\\(?=\w)", " backslash "),
        (r"(?<!\w)_+|_+(?!\w)|[{}\\|`]", " "),
    )
)


def addresses_in_words(text: str) -> str:
    """jane.doe@example.com -> jane dot doe at example dot com"""
    text = _EMAIL.sub(lambda m: f"{_name(m[1])} at {_domain(m[2])}", text)
    text = _URL.sub(_url, text)
    text = _IPV4.sub(_ipv4, text)
    text = _IPV6.sub(_ipv6, text)
    text = _VERSION.sub(_version, text)
    text = _NAMED_VERSION.sub(lambda m: f"{m[1]} {cardinal(int(m[2]))} point {cardinal(int(m[3]))}", text)
    return _SHORT_VERSION.sub(lambda m: "version " + _points(m[1]), text)


def code_in_words(text: str) -> str:
    """a != b -> a is not equal to b"""
    for pattern, words in _LANGUAGES:
        text = pattern.sub(words, text)
    text = _FLAG.sub(lambda m: "dash " * len(m[1]), text)
    text = _PATH.sub(_path, text)
    text = _DOTTED.sub(_dotted, text)
    text = _INDEX.sub(r" \1", text)
    while (called := _CALL.sub(lambda m: f" of {m[1]}" if m[1].strip() else "", text)) != text:
        text = called
    for pattern, words in _OPERATORS:
        text = pattern.sub(words, text)
    return text


def _label(label: str) -> str:
    """A part of a name: word, or letters where it cannot be read as a word."""
    parts = re.findall(r"[A-Za-z]+|\d+|-|_|[^\sA-Za-z\d_-]+", label)
    return " ".join(
        in_pairs(part) if part.isdigit() else {"-": "dash", "_": "underscore"}.get(part, _readable(part))
        for part in parts
    )


def _readable(part: str) -> str:
    short = len(part) <= 2 or (len(part) <= 4 and not re.search(r"[aeiouyAEIOUY]", part))
    return spelled(part) if short and part.lower() not in _WORDS and part.isascii() and part.isalpha() else part


def _name(name: str) -> str:
    return _joined(name, {".": "dot", "+": "plus"})


def _domain(domain: str) -> str:
    return _joined(domain, {".": "dot", ":": "colon"})


def _joined(text: str, signs: dict[str, str]) -> str:
    pieces = re.split(f"([{re.escape(''.join(signs))}])", text)
    return " ".join(signs.get(piece) or _label(piece) for piece in pieces if piece)


_IN_URLS = {
    ".": "dot", "/": "slash", "?": "question mark", "=": "equals", "&": "and", "#": "hash", "%": "percent",
    ":": "colon", "~": "tilde", "@": "at", "+": "plus", ",": "comma", ";": "semicolon",
}  # fmt: skip


def _url(match: re.Match[str]) -> str:
    address = match[1] or match[2]
    rest = address.rstrip(".,;:!?)]}'’")
    after = address[len(rest) :]
    if "(" in rest and after.startswith(")"):
        rest, after = rest + ")", after[1:]
    return _joined(rest.rstrip("/"), _IN_URLS) + after


def _byte(text: str) -> str:
    return digits(text) if text.startswith("0") else in_pairs(text)


def _ipv4(match: re.Match[str]) -> str:
    words = " dot ".join(_byte(part) for part in match[1].split("."))
    words += f" slash {cardinal(int(match[2]))}" if match[2] else ""
    return words + (f" port {in_pairs(match[3])}" if match[3] else "")


def _ipv6(match: re.Match[str]) -> str:
    if "::" not in match[0] and match[0].count(":") < 7:  # ratios and words with colons
        return match[0]
    return " ".join(spelled(part) if part != ":" else "colon" for part in re.findall(r"[\da-fA-F]+|:", match[0]))


def _points(version: str) -> str:
    return " point ".join(cardinal(int(part)) for part in version.split("."))


def _version(match: re.Match[str]) -> str:
    if not match[1] and _DATE.fullmatch(match[0]):
        return match[0]
    words = ("version " if match[1] else "") + _points(match[2])
    if match[3]:
        words += f" {_readable(match[3])}" + (f" {cardinal(int(match[4]))}" if match[4] else "")
    return words


def _dotted(match: re.Match[str]) -> str:
    name = match[1]
    if _ACRONYM.fullmatch(name):
        return name
    before, _, after = name.rpartition(".")
    if re.fullmatch(r"[\w-]*[a-z]{2}", before) and re.match(r"[A-Z][a-z]*$", after):  # "the end.Then": no space
        return f"{before}. {after}"
    return _joined(name, {".": "dot"})


def _path(match: re.Match[str]) -> str:
    if match[3]:
        return f"{match[3]} colon backslash " + _joined(match[4].replace("\\", "/"), {"/": "backslash", ".": "dot"})
    if not match[1] and match[2].count("/") == 1 and len(match[2]) < 3:
        return match[0]
    start = {"~": "tilde ", ".": "dot ", "..": "dot dot "}.get(match[1] or "", "")
    ends = match[2].endswith(".")
    return start + _joined(match[2].rstrip("."), {"/": "slash", ".": "dot"}) + ("." if ends else "")
