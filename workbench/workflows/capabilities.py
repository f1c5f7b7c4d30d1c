"""``capabilities``: a data worker reports what it can do, a control node merges both planes."""

from __future__ import annotations

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, edge


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    nodes = [
        Node(id="report", name="Worker's manifest", service="info.get_capabilities"),
        Node(id="merge", name="Both planes", service="info.merge_capabilities"),
    ]
    return nodes, [edge("report", "merge")]


CAPABILITIES = Pipeline(
    name="capabilities",
    doc="What both planes can do, merged into one object.",
    takes=frozenset(),
    optional=frozenset(),
    make=make,
)
