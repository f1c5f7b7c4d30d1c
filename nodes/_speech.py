"""Timed phonemes, which speech nodes pass to animation nodes, and timed words, which players follow."""

from __future__ import annotations

from nodes.sdk import Field, NodeModel


class Phoneme(NodeModel):
    """One phoneme of a spoken text with its time span."""

    symbol: str = Field(description="IPA-like symbol, possibly with stress marks; punctuation and spaces are pauses.")
    start_s: float = Field(ge=0, description="Start, in seconds from the start of the audio.")
    end_s: float = Field(ge=0, description="End, in seconds from the start of the audio.")


class Word(NodeModel):
    """One word of a spoken text with its time span. Joined by blanks, the words are the text as it is said."""

    text: str = Field(description="The word with its punctuation.")
    start_s: float = Field(ge=0, description="Start, in seconds from the start of the audio.")
    end_s: float = Field(ge=0, description="End, in seconds from the start of the audio.")
