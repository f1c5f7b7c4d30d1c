"""Takes mark-up out of a text: SSML and HTML tags, Markdown, character references, terminal escapes.

``break``, ``emphasis``, ``say-as`` and ``sub`` of SSML become marks; all other tags are removed and their words stay.
A parser of XML or Markdown does not serve: scripts hold remnants, not documents, and ``a < b`` and ``2 * 3 * 4`` are
words here.
"""

from __future__ import annotations

import html
import re

from nodes._spoken.marks import BREAK, BREAK_END, EMPHASIS, PLAIN, SAY_AS, SAY_END

PARAGRAPH = "\n\n"
MAX_BREAK_S = 10.0
STRENGTHS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 0.75, "x-strong": 1.0}

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
    r"|\[\d{1,3}(?:;\d{1,3})*m|\[(?:\?\d{1,4}[hl]|\d?[JK])(?![\w\]])"  # what is left without the escape character
    r"|(?<!\w)\[m(?![\w\]])"
)
_ATTRIBUTE = r"""[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>/]+)"""
_TAG = re.compile(rf"<(/?)([A-Za-z][\w:.-]*)((?:\s+{_ATTRIBUTE})*)\s*/?>")
_PAIR = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>/]+))""")
_UNREAD = re.compile(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>]*>|<(script|style)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.I)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SUB = re.compile(r"<sub\s+alias\s*=\s*(?:\"([^\"]*)\"|'([^']*)')\s*>[^<]*</sub\s*>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_BLOCKS = frozenset(
    {
        "p", "s", "speak", "br", "li", "ul", "ol", "div", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
        "blockquote", "paragraph", "sentence",
    }
)  # fmt: skip
_WITHOUT_EFFECT = frozenset({"prosody", "voice", "audio", "phoneme", "lang", "lexicon", "sub", "mark"})  # of SSML
_KNOWN = _BLOCKS | _WITHOUT_EFFECT | {
    "break", "emphasis", "say-as", "w", "token", "desc", "meta", "metadata", "b", "i", "u", "em", "strong", "span",
    "a", "code", "td", "th", "thead", "tbody", "img", "sup", "small", "font", "center", "html", "body", "head",
    "title", "del", "ins", "kbd", "q", "cite", "abbr",
}  # fmt: skip
_TIME = re.compile(r"\+?(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)")

# Markdown, line by line and then inside lines
_LINES = (
    (re.compile(r"^[ \t]*(?:```|~~~).*$", re.M), PARAGRAPH),
    (re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.M), PARAGRAPH),
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.M), PARAGRAPH),
    (re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.M), lambda match: PARAGRAPH + ", ".join(_cells(match[1])) + PARAGRAPH),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$", re.M), rf"{PARAGRAPH}\1{PARAGRAPH}"),
    (re.compile(r"^[ \t]*>[ \t]?(?=[^\d\s=])", re.M), ""),
    (re.compile(r"^[ \t]*[-*+•‣▪][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)", re.M), PARAGRAPH),
)
_INSIDE = (
    (re.compile(r"!\[[^\]]*\]\([^)\s]*\)"), ""),
    (re.compile(r"\[([^\[\]]+)\]\((?!/)[^)\s]+(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]"), r"\1"),
    (re.compile(r"\[\^[\w-]+\]:?"), ""),
    (re.compile(r"(?<!\w)\[\d{1,3}(?:[,–-] ?\d{1,3})*\]|(?<=[a-z.,])\[\d{1,3}\]"), ""),  # references
    (re.compile(r"(?<![\w*])\*\*\*?(?=\S)(.+?)(?<=\S)\*\*\*?(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
    (re.compile(r"`+([^`]+)`+"), r"\1"),
    (re.compile(r"\\([*_`#\[\]~])"), r"\1"),
)
_ITALIC = (
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])_(?=[^\s_])([^_\n]+?)(?<=\S)_(?![\w_])"), r"\1"),
)


def break_mark(seconds: float) -> str:
    return f"{BREAK}{round(min(seconds, MAX_BREAK_S) * 1000)}{BREAK_END}"


def without_escapes(text: str) -> str:
    """Without the colours and cursor movements of a terminal, also where their escape character is lost."""
    return _ESCAPES.sub("", text)


def without_tags(text: str) -> tuple[str, list[str]]:
    """The text with marks instead of tags, and the tags without effect: ``<prosody>``."""
    text = _UNREAD.sub(" ", _CDATA.sub(lambda match: html.escape(match[1], quote=False), text))
    text = _SUB.sub(lambda match: match[1] or match[2] or "", text)
    tags = _Tags()
    text = _TAG.sub(tags.mark, text)
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text), list(tags.ignored)


class _Tags:
    """Replaces tags one after the other: an end tag has the mark that its start tag asks for."""

    def __init__(self) -> None:
        self.ignored: dict[str, None] = {}
        self._ends: dict[str, list[str]] = {"emphasis": [], "say-as": []}

    def mark(self, match: re.Match[str]) -> str:
        closing, name = match[1] == "/", match[2].lower()
        if name not in _KNOWN and ":" not in name and match.string[match.start() - 1 : match.start()].isalnum():
            return match[0]  # List<Item>
        if name in self._ends:
            return self._end(name) if closing else self._begin(name, match)
        if name == "break":
            return "" if closing else break_mark(_break_s(_attributes(match[3])))
        if not closing and (name in _WITHOUT_EFFECT or ":" in name):
            self.ignored[f"<{name}>"] = None
        return PARAGRAPH if name in _BLOCKS else ""

    def _begin(self, name: str, match: re.Match[str]) -> str:
        given = _attributes(match[3])
        if name == "emphasis":
            begin = "" if given.get("level") in ("none", "reduced") else EMPHASIS
        else:
            begin = SAY_AS.get(given.get("interpret-as", "").lower(), "")
            if not begin:
                self.ignored[match[0]] = None
        if match[0].endswith("/>"):
            return ""
        self._ends[name].append((PLAIN if name == "emphasis" else SAY_END) if begin else "")
        return begin

    def _end(self, name: str) -> str:
        return self._ends[name].pop() if self._ends[name] else ""


def _attributes(written: str) -> dict[str, str]:
    return {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _PAIR.finditer(written)}


def _break_s(given: dict[str, str]) -> float:
    time = _TIME.fullmatch(given.get("time", "").strip())
    if time:
        return float(time[1]) / (1000 if time[2] == "ms" else 1)
    return STRENGTHS_S.get(given.get("strength", "medium"), STRENGTHS_S["medium"])


def without_markdown(text: str) -> str:
    """Without Markdown, but for ``*one pair of asterisks*``, which may be a stage direction."""
    for pattern, replacement in (*_LINES, *_INSIDE):
        text = pattern.sub(replacement, text)
    return text


def without_italics(text: str) -> str:
    for pattern, replacement in _ITALIC:
        text = pattern.sub(replacement, text)
    return text


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|") if cell.strip()]
