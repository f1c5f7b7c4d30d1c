"""Plans a checked graph: its segments, and the initial counters for the bus."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.event import EventType, NodeResult
from schemas.graph import Edge, Node
from schemas.segment import RunOptions, SegmentSpec
from schemas.status import Lane, NodeStatus
from workbench.bus.job_plan import WAITS, JobPlan, PlannedNode, PlannedSegment
from workbench.engine.binding import references
from workbench.engine.cut import Segment, cut, pool_name
from workbench.engine.edges import gate, handles_failure
from workbench.engine.provided_services import needed
from workbench.engine.streaming import Streams, consumers_of, find_streams, find_waits, producers_of
from workbench.engine.validate import Checked


def plan(
    job: str,
    checked: Checked,
    *,
    seed: int,
    results: dict[str, NodeResult],
    provenance: dict[str, str] | None = None,
    lane: Lane = Lane.INTERACTIVE,
    announce: bool = True,
    asked: Mapping[str, bytes] | None = None,
) -> JobPlan:
    """The job as it is put on the bus.

    Args:
        results: results of already completed nodes, by node id (cached, resumed or restored).
        announce: emit the events of acceptance; False if a known job is restored on the bus.
        asked: open questions to a person, by node id (data of the node's wait), from before the bus forgot the job.

    Nodes that are final in the graph (completed with a result, failed, skipped) count as final, with all consequences.
    """
    graph = checked.graph
    pools = {
        node_id: pool_name(declaration.plane, declaration.pool) for node_id, declaration in checked.declarations.items()
    }
    asking = {node_id for node_id, declaration in checked.declarations.items() if declaration.asks}
    streams = find_streams(graph, checked.declarations)
    in_parts = {node_id: producers_of(streams, node_id) for node_id in streams}
    waits_for = find_waits(graph, streams)
    segments = cut(graph, checked.order, pools, asking, in_parts)
    of = {node_id: segment.id for segment in segments for node_id in segment.nodes}
    parents, children = graph.parents(), graph.children()
    status = {node.id: _initial(node, results) for node in graph.nodes}
    gates = {}
    for node_id in checked.order:
        gates[node_id] = gate(parents[node_id], status, waits_for.get(node_id, ()))
        if not status[node_id].final and gates[node_id].skips:
            status[node_id] = NodeStatus.SKIPPED
    outside = {
        segment.id: sum(
            of[other] != segment.id and not status[other].final
            for node_id in segment.nodes
            for other in (*(edge.from_ for edge in parents[node_id]), *waits_for.get(node_id, ()))
        )
        for segment in segments
    }
    free = {
        segment.id
        for segment in segments
        if outside[segment.id] == 0 and any(not status[node_id].final for node_id in segment.nodes)
    }
    for node_id in checked.order:
        if not status[node_id].final and gates[node_id].pending == 0 and of[node_id] in free:
            status[node_id] = NodeStatus.READY
    waits = {node_id: why for node_id, why in (asked or {}).items() if status[node_id] is NodeStatus.READY}
    status |= dict.fromkeys(waits, NodeStatus.WAITING)
    waiting = {of[node_id] for node_id in waits}
    nodes = {node.id: node for node in graph.nodes}
    return JobPlan(
        job,
        nodes=[
            PlannedNode(
                node.id,
                segment=of[node.id],
                status=status[node.id],
                pending=gates[node.id].pending,
                fired=gates[node.id].fired,
                children=(
                    *((edge.to, edge.kind.value) for edge in children[node.id]),
                    *((reader, WAITS) for reader, names in waits_for.items() if node.id in names),
                ),
                max_attempts=node.retries.max_attempts,
                result=results[node.id].to_json() if node.id in results else None,
                asked=waits.get(node.id),
                consumers=consumers_of(streams, node.id),
                producers=in_parts.get(node.id, ()),
            )
            for node in graph.nodes
        ],
        segments=[
            PlannedSegment(
                segment.id,
                segment.pool,
                nodes=tuple(segment.nodes),
                spec=_spec(job, segment, checked, nodes, parents, streams, seed, provenance or {}, lane).to_json(),
                needs=_needs(segment, nodes, parents),
                services=tuple(sorted(frozenset().union(*(needed(nodes[node_id]) for node_id in segment.nodes)))),
                outside=outside[segment.id],
                asks=not asking.isdisjoint(segment.nodes),
            )
            for segment in segments
        ],
        ready=[segment.id for segment in segments if segment.id in free - waiting],
        unhandled=[
            node_id
            for node_id in checked.order
            if status[node_id] is NodeStatus.FAILED and not handles_failure(children[node_id])
        ],
        events=_events(checked.order, status, results) if announce else [],
        lane=lane,
    )


def _events(
    order: list[str], status: dict[str, NodeStatus], results: dict[str, NodeResult]
) -> list[tuple[EventType, str, bytes]]:
    """The events of acceptance and of nodes that are final from the start."""
    events = [(EventType.JOB_ACCEPTED, "", b"{}")]
    for node_id in order:
        if status[node_id] is NodeStatus.COMPLETED:
            events.append((EventType.NODE_COMPLETED, node_id, results[node_id].to_json()))
        elif status[node_id] is NodeStatus.SKIPPED:
            events.append((EventType.NODE_SKIPPED, node_id, b"{}"))
    return events


def _initial(node: Node, results: dict[str, NodeResult]) -> NodeStatus:
    if node.id in results:
        return NodeStatus.COMPLETED
    if node.status in (NodeStatus.FAILED, NodeStatus.SKIPPED):
        return node.status
    return NodeStatus.PENDING


def _spec(
    job: str,
    segment: Segment,
    checked: Checked,
    nodes: dict[str, Node],
    parents: dict[str, list[Edge]],
    streams: Streams,
    seed: int,
    provenance: dict[str, str],
    lane: Lane,
) -> SegmentSpec:
    use_cache = bool(checked.graph.context.get("cache", True))
    duties = {}
    for node_id in segment.nodes:
        declaration = checked.declarations[node_id]
        duties[node_id] = RunOptions(
            seeded=declaration.seeded,
            cache=declaration.cache and use_cache,
            asks=declaration.asks,
            timeout_s=declaration.resources.timeout_s,
            in_parts={name: str(reference) for name, reference in streams.get(node_id, {}).items()},
        )
    return SegmentSpec(
        job=job,
        segment=segment.id,
        seed=seed,
        nodes=[nodes[node_id].model_copy(update={"output": None}) for node_id in segment.nodes],
        edges=[edge for node_id in segment.nodes for edge in parents[node_id]],
        duties=duties,
        provenance=provenance,
        lane=lane,
    )


def _needs(segment: Segment, nodes: dict[str, Node], parents: dict[str, list[Edge]]) -> tuple[str, ...]:
    """Nodes of other segments whose state or output the segment's nodes use."""
    members = set(segment.nodes)
    outside = {edge.from_ for node_id in segment.nodes for edge in parents[node_id]}
    for node_id in segment.nodes:
        for value in nodes[node_id].input.values():
            outside |= {reference.node for reference in references(value)}
    return tuple(sorted(outside - members))
