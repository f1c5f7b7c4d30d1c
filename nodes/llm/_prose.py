"""From what a model or a person wrote to a narration: white space, length, and what must not be spoken."""

from __future__ import annotations

import re

from nodes._sentences import split_sentences
from nodes.llm._request import Script, Unusable

_REMNANT = re.compile(r'```|[{}]|"?(?:narration|stage_prompt)"?\s*:|<\|?\w+\|?>|^#{1,6}\s', re.MULTILINE)
_QUOTES = {'"': '"', "“": "”"}


def normalised(text: str) -> str:
    """The text with single spaces and blank lines between paragraphs; not a word is changed."""
    paragraphs = re.split(r"\n[^\S\n]*\n\s*", text.replace("\r\n", "\n").strip())
    lines = ("\n".join(" ".join(line.split()) for line in paragraph.split("\n")) for paragraph in paragraphs)
    return "\n\n".join(lines)


def usable(script: Script, max_words: int) -> Script:
    """The model's script, fit to be spoken: without quotation marks around it and no longer than asked for.

    Raises Unusable when it holds no words, or signs of markup instead of prose.
    """
    narration = normalised(script.narration)
    if len(narration) > 1 and _QUOTES.get(narration[0]) == narration[-1] and narration.count(narration[-1]) <= 2:
        narration = narration[1:-1].strip()
    if not any(char.isalpha() for char in narration):
        raise Unusable("the narration holds no words")
    remnant = _REMNANT.search(narration)
    if remnant:
        raise Unusable(f"the narration holds {remnant.group()!r}, which cannot be spoken")
    return Script(narration=shortened(narration, max_words), stage_prompt=" ".join(script.stage_prompt.split())[:500])


def shortened(text: str, max_words: int) -> str:
    """At most ``max_words`` words, cut at a sentence end; inside the first sentence only when it alone is longer."""
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
