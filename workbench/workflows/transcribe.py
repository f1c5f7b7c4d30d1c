"""``transcribe``: what is said in a recording, with the time of each word."""

from __future__ import annotations

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, Step

TRANSCRIPT = Step("transcript", "Transcript", "evaluate.transcribe")


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    assert options.audio is not None  # it is needed: build() looked
    return [TRANSCRIPT.node(input={"audio": options.audio.model_dump(mode="json")})], []


TRANSCRIBE = Pipeline(
    name="transcribe",
    title="Transcript",
    doc="What is said in a recording, with the time of each word.",
    steps=(TRANSCRIPT,),
    make=make,
    needs=frozenset({"audio"}),
    listed=False,
)
