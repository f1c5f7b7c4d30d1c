"""Compiles a checked graph into the counters and opaque fields the bus keeps."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from schemas.event import EventType, NodeResult
from schemas.graph import Edge, Node
from schemas.segment import RunOptions, SegmentSpec
from schemas.status import Lane, NodeStatus
from workbench.bus.answers import Planned
from workbench.engine.binding import references
from workbench.engine.cut import Segment, cut, pool_name
from workbench.engine.offers import needed
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
) -> Planned:
    """The job as the bus keeps it.

    Args:
        results: by node id, of nodes that are completed already (found in the cache, resumed, re-enqueued).
        announce: emit the events of acceptance; False when a known job is put back on the bus.
        asked: by node id, what a person was asked (data of the node's wait) before the bus forgot the job.

    Nodes that are final in the graph (completed with a result, failed, skipped) count as final; what follows from
    that is counted here by the same rules as in bus/lua/_prelude.lua.
    """
    graph = checked.graph
    pools = {
        node_id: pool_name(declaration.plane, declaration.pool) for node_id, declaration in checked.declarations.items()
    }
    asking = {node_id for node_id, declaration in checked.declarations.items() if declaration.asks}
    segments = cut(graph, checked.order, pools, asking)
    of = {node_id: segment for segment in segments for node_id in segment.nodes}
    parents, children = graph.parents(), graph.children()
    status = {node.id: _initial(node, results) for node in graph.nodes}
    pending: dict[str, int] = {}
    fired: dict[str, int] = {}
    for node_id in checked.order:
        incoming = parents[node_id]
        pending[node_id] = sum(1 for edge in incoming if not status[edge.from_].final)
        fired[node_id] = sum(1 for edge in incoming if edge.kind.fires(status[edge.from_])) if incoming else 1
        if not status[node_id].final and pending[node_id] == 0 and fired[node_id] == 0:
            status[node_id] = NodeStatus.SKIPPED
    outside = {
        segment.id: sum(
            1
            for node_id in segment.nodes
            for edge in parents[node_id]
            if of[edge.from_] is not segment and not status[edge.from_].final
        )
        for segment in segments
    }
    ready = [
        segment.id
        for segment in segments
        if outside[segment.id] == 0 and any(not status[node_id].final for node_id in segment.nodes)
    ]
    for node_id in checked.order:
        if not status[node_id].final and pending[node_id] == 0 and of[node_id].id in ready:
            status[node_id] = NodeStatus.READY

    waits = {node_id: why for node_id, why in (asked or {}).items() if status[node_id] is NodeStatus.READY}
    status |= dict.fromkeys(waits, NodeStatus.WAITING)
    ready = [segment for segment in ready if not any(of[node_id].id == segment for node_id in waits)]
    unhandled = [
        node_id
        for node_id in checked.order
        if status[node_id] is NodeStatus.FAILED
        and not any(edge.kind.fires(NodeStatus.FAILED) for edge in children[node_id])
    ]
    fields: list[tuple[str, str | bytes | int]] = [
        ("open", sum(1 for value in status.values() if not value.final)),
        ("failures", len(unhandled)),
    ]
    if unhandled:
        fields.append(("first_failure", unhandled[0]))
    for node in graph.nodes:
        kids = ";".join(f"{edge.to} {edge.kind.value}" for edge in children[node.id])
        fields += [
            (f"st:{node.id}", status[node.id].value),
            (f"pe:{node.id}", pending[node.id]),
            (f"fi:{node.id}", fired[node.id]),
            (f"sg:{node.id}", of[node.id].id),
            (f"mx:{node.id}", node.retries.max_attempts),
        ]
        if node.id in waits:
            fields.append((f"as:{node.id}", waits[node.id]))
        if kids:
            fields.append((f"ki:{node.id}", kids))
        if node.id in results:
            fields.append((f"rs:{node.id}", results[node.id].to_json()))
    nodes = {node.id: node for node in graph.nodes}
    for segment in segments:
        spec = _spec(job, segment, checked, nodes, parents, seed, provenance or {}, lane)
        fields += [
            (f"nodes:{segment.id}", " ".join(segment.nodes)),
            (f"spec:{segment.id}", spec.to_json()),
            (f"needs:{segment.id}", " ".join(_needs(segment, nodes, parents))),
            (f"ext:{segment.id}", outside[segment.id]),
            (f"pool:{segment.id}", segment.pool),
            (f"rq:{segment.id}", " ".join(sorted({needed(nodes[node_id]) for node_id in segment.nodes}))),
            (f"at:{segment.id}", 0),
        ]
        if asking.intersection(segment.nodes):  # it stands alone
            fields.append((f"ap:{segment.id}", segment.nodes[0]))
    events: list[tuple[EventType, str, bytes]] = []
    if announce:
        events.append((EventType.JOB_ACCEPTED, "", b"{}"))
        for node_id in checked.order:
            if status[node_id] is NodeStatus.COMPLETED:
                events.append((EventType.NODE_COMPLETED, node_id, results[node_id].to_json()))
            elif status[node_id] is NodeStatus.SKIPPED:
                events.append((EventType.NODE_SKIPPED, node_id, b"{}"))
    return Planned(job, fields, ready, events, lane, sorted({segment.pool for segment in segments}))


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


def _needs(segment: Segment, nodes: dict[str, Node], parents: dict[str, list[Edge]]) -> list[str]:
    """Nodes of other segments whose state or output these nodes look at."""
    members = set(segment.nodes)
    outside = {edge.from_ for node_id in segment.nodes for edge in parents[node_id]}
    for node_id in segment.nodes:
        for value in nodes[node_id].input.values():
            outside |= {reference.node for reference in references(value)}
    return sorted(outside - members)


def size_bytes(planned: Planned) -> int:
    """Roughly what the job takes on the bus."""
    return sum(
        len(name) + len(value if isinstance(value, (bytes, str)) else orjson.dumps(value))
        for name, value in planned.fields
    )
