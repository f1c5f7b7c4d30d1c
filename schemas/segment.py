"""What an executor is handed: a piece of a graph, with everything it needs to run it and nothing else."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract
from schemas.graph import Edge, Node


class Duty(Contract):
    """How one node of a segment is to be run; taken from its declaration at submit."""

    seeded: bool = False
    cache: bool = True
    asks: bool = False
    timeout_s: float = 600.0


class SegmentSpec(Contract):
    """Connected nodes of one plane that run as one LangGraph under one lease."""

    job: str
    segment: str
    seed: int = 0
    lane: str = Field(
        "interactive", description="interactive, or batch: between two nodes it lets a person's work go first."
    )
    nodes: list[Node] = Field(description="In topological order; inputs and versions are written out.")
    edges: list[Edge] = Field(description="All incoming edges of these nodes, those from other segments too.")
    duties: dict[str, Duty] = Field(description="By node id.")
    provenance: dict[str, str] = Field(
        default_factory=dict, description="What a node may write into its file's metadata."
    )
