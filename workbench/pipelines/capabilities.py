"""``capabilities``: a data worker reports its services, and a control node merges both planes."""

from __future__ import annotations

from workbench.pipelines.sdk import PipelineGraph, PipelineInputs, Step, pipeline

REPORT = Step("report", "Worker's manifest", "info.get_capabilities")
MERGE = Step("merge", "Both planes", "info.merge_capabilities")


class Inputs(PipelineInputs):
    """No inputs."""


@pipeline(
    "capabilities",
    title="Capabilities",
    category="info",
    steps=(REPORT, MERGE),
    result="merge.capabilities",
    listed=False,
    internal=True,
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """The capabilities of both planes, merged into one object."""
    report = graph.add(REPORT)
    graph.add(MERGE, manifest=report.manifest)
