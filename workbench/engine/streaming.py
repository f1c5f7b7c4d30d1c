"""Where one node takes the output of another in parts, before that has completed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nodes.sdk import NodeDeclaration
from schemas.graph import Graph, Node
from schemas.status import NodeStatus
from schemas.stream import Stream
from workbench.engine.binding import Reference, references
from workbench.engine.structure import topological_order

Streams = Mapping[str, Mapping[str, Reference]]  # consumer -> its input -> the producer's output


def find_streams(graph: Graph, declarations: Mapping[str, NodeDeclaration]) -> dict[str, dict[str, Reference]]:
    """The inputs that come in parts, by consumer. All other inputs wait for whole outputs.

    Args:
        graph: a graph with explicit inputs.
        declarations: by node id.

    A node takes a producer's output in parts if each of its inputs from that producer is ``InParts``, names nothing
    else, and is one that the producer makes in parts; and if an edge that fires on completion connects them, or the
    producer may still run when the node starts because of such an edge (the sound of a video that is made from it).
    """
    able = {node.id: _able(node, declarations) for node in graph.nodes}
    fires = {(edge.from_, edge.to) for edge in graph.edges if edge.kind.fires(NodeStatus.COMPLETED)}
    direct = {node_id: {name for name in its if (name, node_id) in fires} for node_id, its in able.items()}
    running = _running(graph, direct)
    found = {
        node_id: {name: ref for producer, inputs in its.items() if producer in running[node_id] for name, ref in inputs}
        for node_id, its in able.items()
    }
    return {node_id: inputs for node_id, inputs in found.items() if inputs}


def find_waits(graph: Graph, streams: Streams) -> dict[str, tuple[str, ...]]:
    """By node: the nodes that it names without an edge from them, and that may not have ended when its parents have."""
    parents = {node_id: {edge.from_ for edge in edges} for node_id, edges in graph.parents().items()}
    direct = {node_id: set(producers_of(streams, node_id)) & parents[node_id] for node_id in parents}
    running = _running(graph, direct)
    found = {
        node.id: tuple(
            dict.fromkeys(
                reference.node
                for value in node.input.values()
                for reference in references(value)
                if reference.node in running[node.id] - parents[node.id]
            )
        )
        for node in graph.nodes
    }
    return {node_id: waits for node_id, waits in found.items() if waits}


def _able(node: Node, declarations: Mapping[str, NodeDeclaration]) -> dict[str, list[tuple[str, Reference]]]:
    """The producers from which the node can take all that it takes in parts, with its inputs from them."""
    in_parts = declarations[node.id].in_parts
    if not in_parts:
        return {}
    named = {name: references(value) for name, value in node.input.items()}
    found: dict[str, list[tuple[str, Reference]]] = {}
    for producer in dict.fromkeys(refs[0].node for refs in named.values() if refs):
        part = declarations[producer].part
        taken = {name: refs for name, refs in named.items() if any(ref.node == producer for ref in refs)}
        if part is not None and all(
            name in in_parts and len(refs) == 1 and refs[0].output in part.model_fields for name, refs in taken.items()
        ):
            found[producer] = [(name, refs[0]) for name, refs in taken.items()]
    return found


def _running(graph: Graph, direct: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """By node: the nodes that may not have ended when it starts. ``direct``: the parents that it takes in parts."""
    found: dict[str, set[str]] = {}
    for node_id in topological_order(graph):
        found[node_id] = set(direct[node_id]).union(*(found[producer] for producer in direct[node_id]))
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
