"""A pipeline of two cheap probes, whose executions a diary counts."""

from __future__ import annotations

from tests.engine import probe_nodes as probe_nodes  # declares the probe services
from workbench.pipelines.registry import _found
from workbench.pipelines.sdk import Input, PipelineGraph, PipelineInputs, Step, pipeline
from workbench.pipelines.sdk.declaration import DECLARED

FIRST = Step("first", "First", "probe.cached")
SECOND = Step("second", "Second", "probe.cached", optional=True)
NAME = "probe_chain"


class Inputs(PipelineInputs):
    word: str = Input("a", title="Word", description="First text.")
    log: str = Input("", title="Log", description="A file to which each execution appends a line.")
    gate: str = Input("", title="Gate", description="A file that the first step waits for.")


@pipeline(NAME, title="Chain", steps=(FIRST, SECOND), listed=False)
def chain(graph: PipelineGraph, inputs: Inputs) -> None:
    """Two texts."""
    first = graph.add(FIRST, {"value": inputs.word, "log": inputs.log, "gate": inputs.gate})
    if not graph.leaves_out(SECOND):
        graph.add(SECOND, {"value": "-", "log": inputs.log}, text=first.text)


CHAIN = DECLARED.pop(NAME)


def install() -> None:
    """Make the pipeline known to this process."""
    DECLARED[NAME] = CHAIN
    _found.cache_clear()


def remove() -> None:
    DECLARED.pop(NAME, None)
    _found.cache_clear()
