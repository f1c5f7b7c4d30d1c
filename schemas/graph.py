"""The graph: the JSON document ``langgraph.v1`` that all parts of the workbench exchange.

Older documents write ``plane: "node"`` / ``"python"``, omit optional fields, have no ``context``, and have progress
weights that do not add up to one. They are accepted, and written back in the current spelling.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.status import EdgeKind, NodeStatus, Plane

SCHEMA: Final = "langgraph.v1"
MAX_NODES = 1000  # a skip cascade over 10,000 nodes holds the bus for 200 ms; 1,000 keep it under 20 ms
MAX_EDGES = 20_000
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024

_OLDER_PLANES = {"node": Plane.CONTROL, "python": Plane.DATA}
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$", description="Unique within the graph.")]


def _none_to_empty(value: Any) -> Any:
    return {} if value is None else value


JsonObject = Annotated[dict[str, Any], BeforeValidator(_none_to_empty)]


class Retries(Contract):
    """Attempts made and allowed."""

    attempt: int = Field(0, ge=0, description="Attempts made so far.")
    max_attempts: int = Field(3, ge=1, le=20, description="Maximum number of attempts before the node fails.")


class Node(Contract):
    """One step of a graph."""

    id: NodeId
    name: str = Field("", max_length=200, description="Display name; the id is shown if it is empty.")
    service: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", description="The node type, e.g. generate.remux.")
    plane: Annotated[
        Plane | None,
        BeforeValidator(lambda value: _OLDER_PLANES.get(value, value) if isinstance(value, str) else value),
    ] = Field(None, description="control or data; taken from the service if omitted.")
    status: NodeStatus = NodeStatus.PENDING
    params: JsonObject = Field(default_factory=dict, description="Parameters of the service.")
    input: JsonObject = Field(
        default_factory=dict, description='Inputs by name: a value, a reference, or "$node.output".'
    )
    output: dict[str, Any] | None = Field(None, description="Outputs by name, once completed.")
    error: ErrorInfo | None = None
    retries: Annotated[Retries, BeforeValidator(_none_to_empty)] = Field(default_factory=Retries)
    tags: Annotated[list[str], BeforeValidator(lambda value: value or [])] = Field(default_factory=list)
    telemetry: JsonObject = Field(default_factory=dict, description="seconds, worker, cached, …, once the node ran.")
    progress_weight: float = Field(1.0, ge=0, description="Weight in the job's progress; normalised by the sum.")
    version: str | None = Field(None, description="Version of the service, pinned at submit.")
    code: str | None = Field(None, description="Digest of the service's source, pinned at submit.")
    weights: str | None = Field(None, description="Digest of the service's weights, pinned at submit.")
    packages: list[str] | None = Field(
        None, description="name==version of the packages that the service declares, pinned at submit."
    )
    models: dict[str, str] | None = Field(
        None, description="Digests of the installed models that the parameters name, pinned at submit."
    )


class Edge(Contract):
    """A dependency between two nodes."""

    from_: NodeId = Field(alias="from")
    to: NodeId
    kind: Annotated[EdgeKind, BeforeValidator(lambda value: value or EdgeKind.NORMAL)] = EdgeKind.NORMAL
    metadata: JsonObject = Field(default_factory=dict)


class Graph(Contract):
    """A graph with the state of its nodes."""

    schema_: Literal["langgraph.v1"] = Field(alias="schema")
    workflow_id: str = Field(
        "workflow", min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="Name of the graph."
    )
    context: JsonObject = Field(default_factory=dict, description="Values for all nodes: seed, experiment, owner.")
    metadata: JsonObject = Field(default_factory=dict, description="Arbitrary data that every step preserves.")
    nodes: Annotated[list[Node], Field(min_length=1, max_length=MAX_NODES)]
    edges: list[Edge] = Field(default_factory=list, max_length=MAX_EDGES)

    def node(self, node_id: str) -> Node:
        """The node with this id. Raises KeyError."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def parents(self) -> dict[str, list[Edge]]:
        """Incoming edges by node id, in document order."""
        incoming: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            incoming[edge.to].append(edge)
        return incoming

    def children(self) -> dict[str, list[Edge]]:
        """Outgoing edges by node id, in document order."""
        outgoing: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            outgoing[edge.from_].append(edge)
        return outgoing

    def progress_weights(self) -> dict[str, float]:
        """Each node's share in the job's progress; the shares add up to 1."""
        total = sum(node.progress_weight for node in self.nodes)
        if total <= 0:
            return {node.id: 1.0 / len(self.nodes) for node in self.nodes}
        return {node.id: node.progress_weight / total for node in self.nodes}
