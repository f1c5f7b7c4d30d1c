"""What a node asks a person while its job waits, and what the person answers."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract

MAX_TEXT_CHARS = 20_000  # the longest script the workbench speaks
MAX_REASON_CHARS = 2_000


class Question(Contract):
    """What is to be approved; it stands in the node's wait, so that a face can show it without another query."""

    sentence: str = Field(description="What the person is asked, for a heading.")
    text: str = Field(description="The text to be approved, as it is now.")
    max_chars: int = Field(MAX_TEXT_CHARS, ge=1, description="The longest text that is taken instead.")


class Decision(Contract):
    """A person's answer. It is given once; repeating it changes nothing, another one is refused."""

    approved: bool
    text: str = Field("", description="The approved text, whole; empty for a rejection.")
    edited: bool = Field(False, description="Whether the person changed the text that was asked about.")
    author: str = Field(min_length=1, max_length=200, description="Who decided.")
    reason: str = Field("", max_length=MAX_REASON_CHARS, description="Why it was rejected.")
    at: float = Field(0.0, ge=0, description="UTC, seconds since 1970.")

    def same_answer(self, other: Decision) -> bool:
        """Whether both say the same; the time does not count."""
        return self.model_copy(update={"at": 0.0}) == other.model_copy(update={"at": 0.0})
