"""What speech nodes hand to animation nodes: phonemes with their times."""

from __future__ import annotations

from nodes.sdk import Field, NodeModel


class Phoneme(NodeModel):
    """One phoneme of a spoken text, as the voice said it."""

    symbol: str = Field(description="IPA-like symbol; stress marks may be attached; punctuation and spaces are pauses.")
    start_s: float = Field(ge=0, description="Start, in seconds from the start of the audio.")
    end_s: float = Field(ge=0, description="End, in seconds from the start of the audio.")
