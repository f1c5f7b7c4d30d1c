"""Turns text of a model or a person into a narration: white space, length, and removal of unspeakable content."""

from __future__ import annotations

import re

from nodes._sentences import split_sentences
from nodes.llm._request import Script, Unusable

_REMNANT = re.compile(r'```|[{}]|"?(?:narration|stage_prompt)"?\s*:|<\|?\w+\|?>|^#{1,6}\s', re.MULTILINE)
_QUOTES = {'"': '"', "“": "”"}


def normalised(text: str) -> str:
    """The text with single spaces and with blank lines between paragraphs. No word changes."""
    paragraphs = re.split(r"\n[^\S\n]*\n\s*", text.replace("\r\n", "\n").strip())
    lines = ("\n".join(" ".join(line.split()) for line in paragraph.split("\n")) for paragraph in paragraphs)
    return "\n\n".join(lines)


def usable(script: Script, max_words: int) -> Script:
    """The model's script, ready to be spoken: without enclosing quotation marks, and no longer than ``max_words``.

    Raises Unusable if it contains no words, or markup instead of prose.
    """
    narration = normalised(script.narration)
    if len(narration) > 1 and _QUOTES.get(narration[0]) == narration[-1] and narration.count(narration[-1]) <= 2:
        narration = narration[1:-1].strip()
    if not any(char.isalpha() for char in narration):
        raise Unusable("the narration contains no words")
    remnant = _REMNANT.search(narration)
    if remnant:
        raise Unusable(f"the narration contains {remnant.group()!r}, which cannot be spoken")
    return Script(narration=shortened(narration, max_words), stage_prompt=" ".join(script.stage_prompt.split())[:500])


def shortened(text: str, max_words: int) -> str:
    """Cut to at most ``max_words`` words at a sentence end, or inside the first sentence if it alone is longer."""
    if len(text.split()) <= max_words:
        return text
    kept: list[str] = []
    for sentence in split_sentences(text):
        if sum(len(one.split()) for one in [*kept, sentence]) > max_words:
            break
        kept.append(sentence)
    if kept:
        return " ".join(kept)
    words = " ".join(text.split()[:max_words])
    clause = max(words.rfind(mark) for mark in ",;:—")
    return (words[:clause] if clause > len(words) // 2 else words).rstrip(" ,;:—-") + "."
