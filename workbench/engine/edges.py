"""The edge rule: the states of its parents decide if a node runs, is skipped or waits.

The bus applies the same rule (``finish_node`` in ``bus/lua/_prelude.lua``); ``tests/bus/test_edges.py`` compares
the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.graph import Edge
from schemas.status import NodeStatus


@dataclass(frozen=True)
class Gate:
    """The counters of a node: parents that are not final, and fired edges. A node without parents runs."""

    pending: int
    fired: int

    @property
    def skips(self) -> bool:
        """All parents are final and no edge fired."""
        return self.pending == 0 and self.fired == 0


def gate(incoming: Iterable[Edge], status: Mapping[str, NodeStatus], waits_for: Iterable[str] = ()) -> Gate:
    """The gate of a node, from the states of its parents, and of other nodes that must have ended before it."""
    edges = list(incoming)
    if not edges:
        return Gate(pending=0, fired=1)
    return Gate(
        pending=sum(not status[other].final for other in (*(edge.from_ for edge in edges), *waits_for)),
        fired=sum(edge.kind.fires(status[edge.from_]) for edge in edges),
    )


def handles_failure(outgoing: Iterable[Edge]) -> bool:
    """Whether a node's failure is handled, so that the job does not fail."""
    return any(edge.kind.fires(NodeStatus.FAILED) for edge in outgoing)
