"""Where one node of a job takes the output of another in parts."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from schemas.base import Contract


class Stream(Contract):
    """The consumer starts with the first part of the producer. Found at submit; no graph asks for it."""

    producer: str = Field(description="Node that makes its output in parts.")
    consumer: str = Field(description="Node that takes them while more are made.")
    inputs: dict[str, str] = Field(description="The consumer's inputs, with the outputs of the producer.")


def in_words(streams: Iterable[Stream]) -> str:
    """For example: animate takes speech, final takes animate and speech."""
    producers: dict[str, list[str]] = {}
    for one in streams:
        producers.setdefault(one.consumer, []).append(one.producer)
    return ", ".join(f"{consumer} takes {' and '.join(names)}" for consumer, names in producers.items())
