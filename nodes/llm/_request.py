"""The request to a model and the required format of its answer, the same for every model."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

SYSTEM = (
    "You write what a presenter says to the camera. Write short, clear, true sentences in plain English, on the "
    "subject asked for and nothing else. No lists, no headings, no emoji, no stage directions: every word is spoken "
    "as you write it."
)


class Script(BaseModel):
    """The answer: the spoken text, and how the speaker looks and acts."""

    model_config = ConfigDict(extra="ignore")

    narration: str = Field(min_length=1, description="The words the presenter speaks.")
    stage_prompt: str = Field("", description="One sentence on how the presenter looks and acts, for a video model.")


@dataclass(frozen=True)
class Request:
    """A request for one script."""

    prompt: str
    max_words: int
    temperature: float
    tone: str
    seed: int

    def text(self, words: int) -> str:
        """The user's message of the chat, for about this many words."""
        tone = f" Tone: {self.tone}." if self.tone else ""
        return f"Write a script of about {words} words.{tone}\nSubject: {self.prompt}"


class Unusable(Exception):
    """The model's answer is not a usable script. The message says why, for the follow-up question to the model."""
