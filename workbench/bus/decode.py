"""Decodes stored data and script results of the bus into types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.event import Event, EventType
from workbench.bus.fields import EventField, HeldField, MetaField
from workbench.bus.results import (
    HeldLease,
    Lease,
    Marker,
    OperatorHolds,
    OutboxEntry,
    Phase,
    Received,
    Taken,
    Verdict,
)

_JOB, _ID, _TYPE, _NODE, _DATA, _AT = (name.value.encode() for name in EventField)


def verdict_and_text(answer: list[bytes]) -> tuple[Verdict, str]:
    return Verdict(answer[0].decode()), answer[1].decode() if len(answer) > 1 else ""


def verdict_and_bytes(answer: list[bytes]) -> tuple[Verdict, bytes | None]:
    return Verdict(answer[0].decode()), answer[1] if len(answer) > 1 else None


def received(answer: list[bytes]) -> Received:
    """The result of ``receive.lua``."""
    verdict = Verdict(answer[0].decode())
    if verdict is Verdict.PARTS:
        return Received(verdict, parts=tuple(answer[3:]), computation=answer[1].decode(), earlier=answer[2])
    if verdict is Verdict.END:
        return Received(verdict, result=answer[1], earlier=answer[2])
    return Received(verdict)


def segment_name(name: bytes) -> tuple[str, str]:
    """(job, segment) of a field of the leases or delays."""
    job, _, segment = name.decode().rpartition("/")
    return job, segment


def leases(raw: Mapping[bytes, bytes]) -> list[HeldLease]:
    return [HeldLease(*segment_name(name), value) for name, value in raw.items()]


def taken(answer: list[Any]) -> Taken | None:
    """The result of ``take.lua``; None if it took no segment."""
    if answer[0] != b"WORK":
        return None
    _, job, segment, fence, attempt, spec, known, parts = answer
    nodes = [name.decode() for name in known[0::3]]
    by_node: dict[str, list[bytes]] = {}
    for name, part in zip(parts[0::2], parts[1::2], strict=True):
        by_node.setdefault(name.decode(), []).append(part)
    return Taken(
        lease=Lease(job.decode(), segment.decode(), fence.decode()),
        attempt=int(attempt),
        spec=spec,
        status={name: status.decode() for name, status in zip(nodes, known[1::3], strict=True)},
        results={name: result for name, result in zip(nodes, known[2::3], strict=True) if result},
        parts=by_node,
    )


def event(job: str, event_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    """An entry of a job's stream. Raises pydantic.ValidationError, orjson.JSONDecodeError, ValueError, KeyError."""
    epoch, seq = event_id.split(b"-")
    return Event(
        job=job,
        epoch=int(epoch),
        seq=int(seq),
        type=EventType(fields[_TYPE].decode()),
        node=fields[_NODE].decode(),
        data=orjson.loads(fields[_DATA] or b"{}"),
        at=float(fields[_AT]),
    )


def outbox_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> OutboxEntry:
    return OutboxEntry(entry_id.decode(), event(fields[_JOB].decode(), fields[_ID], fields))


def marker(raw: Mapping[bytes, bytes]) -> Marker:
    epoch, run_id, phase = (raw.get(name.value.encode(), b"").decode() for name in MetaField)
    return Marker(int(epoch or "0"), run_id, Phase(phase) if phase else None)


def holds(raw: Mapping[bytes, bytes]) -> OperatorHolds:
    pools, workers = {}, set()
    for name, why in raw.items():
        kind, _, whose = name.decode().partition(":")
        if kind == HeldField.POOL:
            pools[whose] = why.decode()
        else:
            workers.add(whose)
    return OperatorHolds(pools, frozenset(workers))
