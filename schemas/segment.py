"""The work order of an executor: a part of a graph, with exactly what the executor needs to run it."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract
from schemas.graph import Edge, Node


class RunOptions(Contract):
    """How to run one node of a segment; taken from its declaration at submit."""

    seeded: bool = False
    cache: bool = True
    asks: bool = False
    timeout_s: float = 600.0
    in_parts: dict[str, str] = Field(
        default_factory=dict, description="Inputs that it takes in parts, with the outputs: $node.output."
    )


class SegmentSpec(Contract):
    """Connected nodes of one plane that run as one LangGraph under one lease."""

    job: str
    segment: str
    seed: int = 0
    lane: str = Field(
        "interactive", description="interactive, or batch, which yields to interactive work between two nodes."
    )
    nodes: list[Node] = Field(description="Nodes in topological order, with explicit inputs and versions.")
    edges: list[Edge] = Field(description="All incoming edges of these nodes, including those from other segments.")
    duties: dict[str, RunOptions] = Field(description="Run options by node id.")
    provenance: dict[str, str] = Field(
        default_factory=dict, description="Values that a node may write into the metadata of its files."
    )
