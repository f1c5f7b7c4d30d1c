"""Where one node takes the output of another in parts, before that has completed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nodes.sdk import NodeDeclaration
from schemas.graph import Graph
from schemas.status import NodeStatus
from schemas.stream import Stream
from workbench.engine.binding import Reference, references

Streams = Mapping[str, Mapping[str, Reference]]  # consumer -> its input -> the producer's output


def find_streams(graph: Graph, declarations: Mapping[str, NodeDeclaration]) -> dict[str, dict[str, Reference]]:
    """The inputs that come in parts, by consumer. All other inputs wait for whole outputs.

    Args:
        graph: a graph with explicit inputs.
        declarations: by node id.

    A node takes a producer's output in parts if an edge that fires on completion connects them, and if each of its
    inputs from that producer is ``InParts``, names nothing else, and is one that the producer makes in parts.
    """
    fires = {(edge.from_, edge.to) for edge in graph.edges if edge.kind.fires(NodeStatus.COMPLETED)}
    found: dict[str, dict[str, Reference]] = {}
    for node in graph.nodes:
        in_parts = declarations[node.id].in_parts
        if not in_parts:
            continue
        named = {name: references(value) for name, value in node.input.items()}
        producers = dict.fromkeys(refs[0].node for name, refs in named.items() if name in in_parts and len(refs) == 1)
        for producer in producers:
            part = declarations[producer].part
            taken = {name: refs for name, refs in named.items() if any(ref.node == producer for ref in refs)}
            if (producer, node.id) in fires and all(
                name in in_parts and len(refs) == 1 and part is not None and refs[0].output in part.model_fields
                for name, refs in taken.items()
            ):
                found.setdefault(node.id, {}).update({name: refs[0] for name, refs in taken.items()})
    return found


def described(streams: Streams, final: Collection[str]) -> tuple[Stream, ...]:
    """For people and front ends. Nodes in ``final`` have their results already, so nothing comes in parts."""
    return tuple(
        Stream(
            producer=producer,
            consumer=consumer,
            inputs={name: one.output for name, one in inputs.items() if one.node == producer},
        )
        for consumer, inputs in streams.items()
        for producer in producers_of(streams, consumer)
        if consumer not in final and producer not in final
    )


def producers_of(streams: Streams, node: str) -> tuple[str, ...]:
    """The nodes whose output this node takes in parts."""
    return tuple(dict.fromkeys(reference.node for reference in streams.get(node, {}).values()))


def consumers_of(streams: Streams, node: str) -> tuple[str, ...]:
    """The nodes that take the output of this node in parts."""
    return tuple(consumer for consumer in streams if node in producers_of(streams, consumer))
