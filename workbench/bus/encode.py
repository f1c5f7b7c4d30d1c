"""Encodes typed data into script arguments and stored fields of the bus."""

from __future__ import annotations

from workbench.bus.fields import JobField, NodeField, SegmentField
from workbench.bus.job_plan import JobPlan, PlannedNode, PlannedSegment

Value = str | bytes | int


def job_fields(planned: JobPlan) -> dict[str, Value]:
    """The hash of a planned job, without lane and status, which the script writes."""
    fields: dict[str, Value] = {
        JobField.OPEN.value: sum(not node.status.final for node in planned.nodes),
        JobField.FAILURES.value: len(planned.unhandled),
    }
    if planned.unhandled:
        fields[JobField.FIRST_FAILURE.value] = planned.unhandled[0]
    for node in planned.nodes:
        fields |= _node_fields(node)
    for segment in planned.segments:
        fields |= _segment_fields(segment)
    return fields


def accept_arguments(planned: JobPlan, epoch: int, at: str) -> list[Value]:
    """The arguments of ``accept.lua``."""
    fields = [value for pair in job_fields(planned).items() for value in pair]
    events = [value for type_, node, data in planned.events for value in (type_.value, node, data)]
    pools = sorted({segment.pool for segment in planned.segments})
    head: list[Value] = [planned.job, epoch, planned.lane, at, " ".join(planned.ready), " ".join(pools)]
    return [*head, len(fields) // 2, *fields, len(planned.events), *events]


def size_bytes(planned: JobPlan) -> int:
    """The approximate size of the job on the bus."""
    return sum(
        len(name) + len(value if isinstance(value, (bytes, str)) else str(value))
        for name, value in job_fields(planned).items()
    )


def _node_fields(node: PlannedNode) -> dict[str, Value]:
    fields: dict[str, Value] = {
        NodeField.STATUS.of(node.id): node.status.value,
        NodeField.PENDING.of(node.id): node.pending,
        NodeField.FIRED.of(node.id): node.fired,
        NodeField.SEGMENT.of(node.id): node.segment,
        NodeField.MAX_ATTEMPTS.of(node.id): node.max_attempts,
    }
    if node.children:
        fields[NodeField.CHILDREN.of(node.id)] = ";".join(f"{child} {kind}" for child, kind in node.children)
    if node.result is not None:
        fields[NodeField.RESULT.of(node.id)] = node.result
    if node.asked is not None:
        fields[NodeField.ASKED.of(node.id)] = node.asked
    for name, others in ((NodeField.CONSUMERS, node.consumers), (NodeField.PRODUCERS, node.producers)):
        if others:
            fields[name.of(node.id)] = " ".join(others)
    return fields


def _segment_fields(segment: PlannedSegment) -> dict[str, Value]:
    fields: dict[str, Value] = {
        SegmentField.NODES.of(segment.id): " ".join(segment.nodes),
        SegmentField.SPEC.of(segment.id): segment.spec,
        SegmentField.NEEDS.of(segment.id): " ".join(segment.needs),
        SegmentField.OUTSIDE.of(segment.id): segment.outside,
        SegmentField.POOL.of(segment.id): segment.pool,
        SegmentField.SERVICES.of(segment.id): " ".join(segment.services),
        SegmentField.ATTEMPT.of(segment.id): 0,
    }
    if segment.asks:  # it has only one node
        fields[SegmentField.ASKING.of(segment.id)] = segment.nodes[0]
    return fields
