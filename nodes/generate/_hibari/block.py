"""A block of spoken sentences as bytes: a part of a long narration, after which another attempt can continue.

One line of JSON (sentences, their lengths in bytes, their spans in units), then the 16-bit samples of all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from nodes.generate._hibari.timing import Span


@dataclass
class Spoken:
    """One sentence: its text, 16-bit mono samples, and spans in units of 25 ms."""

    text: str
    pcm: bytes
    spans: list[Span]


def encode(block: list[Spoken]) -> bytes:
    head = [
        {
            "text": one.text,
            "bytes": len(one.pcm),
            "spans": [[span.symbol, span.start, span.end, span.word] for span in one.spans],
        }
        for one in block
    ]
    return b"\n".join([json.dumps(head, ensure_ascii=False).encode(), b"".join(one.pcm for one in block)])


def decode(data: bytes) -> list[Spoken]:
    head, pcm = data.split(b"\n", 1)
    block, at = [], 0
    for one in json.loads(head):
        spans = [Span(*span) for span in one["spans"]]
        block.append(Spoken(one["text"], pcm[at : at + one["bytes"]], spans))
        at += one["bytes"]
    return block
