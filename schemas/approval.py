"""The question that a node asks while its job waits for approval, and the answer."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract

MAX_TEXT_CHARS = 60_000  # the longest script that the workbench speaks: about an hour
MAX_REASON_CHARS = 2_000


class Question(Contract):
    """The text to approve. It is part of the node's wait, so that front ends can show it without another query."""

    sentence: str = Field(description="The question, for a heading.")
    text: str = Field(description="The text to approve, as it is now.")
    max_chars: int = Field(MAX_TEXT_CHARS, ge=1, description="Maximum length of an edited text.")


class Decision(Contract):
    """A person's answer. Repeating it changes nothing; a different second answer is rejected."""

    approved: bool
    text: str = Field("", description="The whole approved text; empty for a rejection.")
    edited: bool = Field(False, description="Whether the person changed the text.")
    author: str = Field(min_length=1, max_length=200, description="The person who decided.")
    reason: str = Field("", max_length=MAX_REASON_CHARS, description="Reason for a rejection.")
    at: float = Field(0.0, ge=0, description="UTC, seconds since 1970.")

    def same_answer(self, other: Decision) -> bool:
        """Whether both answers are the same, apart from their time."""
        return self.model_copy(update={"at": 0.0}) == other.model_copy(update={"at": 0.0})
