"""``draft_script``: a model writes a script for a prompt, for a person to edit before anything is rendered."""

from __future__ import annotations

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline
from workbench.workflows.talking_head import SCRIPT


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    return [SCRIPT.node(params={"prompt": options.prompt})], []


DRAFT_SCRIPT = Pipeline(
    name="draft_script",
    title="Draft of a script",
    doc="A model writes a script for a prompt.",
    steps=(SCRIPT,),
    make=make,
    needs=frozenset({"prompt"}),
    listed=False,
)
