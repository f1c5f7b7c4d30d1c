"""``capabilities``: a data worker reports what it can do, a control node merges both planes."""

from __future__ import annotations

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, Step, edge

REPORT = Step("report", "Worker's manifest", "info.get_capabilities")
MERGE = Step("merge", "Both planes", "info.merge_capabilities")


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    return [REPORT.node(), MERGE.node()], [edge("report", "merge")]


CAPABILITIES = Pipeline(
    name="capabilities",
    title="Capabilities",
    doc="What both planes can do, merged into one object.",
    steps=(REPORT, MERGE),
    make=make,
    listed=False,
)
