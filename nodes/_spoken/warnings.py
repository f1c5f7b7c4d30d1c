"""What a person should know before an English voice speaks a text."""

from __future__ import annotations

from nodes._spoken.language import foreign_language
from nodes._spoken.reading import read

MOST_NAMED = 5


def warnings_for(text: str) -> list[str]:
    """Sentences for the person who submits the text; none if all of it will be spoken, in English."""
    reading = read(text)
    found = []
    language = foreign_language(" ".join(sentence.written for sentence in reading.sentences))
    if language:
        found.append(
            f"The text seems to be {language}. This voice speaks English and will read it with English sounds; "
            f"use a voice for {language}, or write the text in English."
        )
    if reading.left_out:
        named = ", ".join(dict.fromkeys(reading.left_out[:MOST_NAMED]))
        more = f" and {len(reading.left_out) - MOST_NAMED} more" if len(reading.left_out) > MOST_NAMED else ""
        found.append(f"The voice does not speak stage directions and mark-up: it leaves out {named}{more}.")
    return found
