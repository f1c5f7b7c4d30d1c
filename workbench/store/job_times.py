"""Splits the time from a job's acceptance to its end into computing and waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from schemas.job import JobRecord
from schemas.refs import refs_in


class NodeSpan(NamedTuple):
    """When the last attempt of a node ran: UTC, seconds since 1970. ``seconds`` is its wall time by a steady clock."""

    started_at: float | None
    finished_at: float | None
    seconds: float | None
    cached: bool


class NodeVideo(Protocol):
    """What a node says about its video: a ``NodeRecord``, or a row of the nodes in SQL."""

    @property
    def first_part_at(self) -> float | None: ...
    @property
    def part_kind(self) -> str: ...
    @property
    def finished_at(self) -> float | None: ...
    @property
    def output(self) -> dict[str, Any] | None: ...


class JobTimes(NamedTuple):
    """The time of a job that has ended, in seconds.

    Attributes:
        compute_s: sum of the wall times of its nodes. Cache hits count nothing, and neither do attempts that another
            attempt followed. It does not depend on how busy the workers were.
        waiting_s: time in which none of these nodes ran: in a queue, for an approval, for another job with the same
            computation, before another attempt. Nodes that run at the same
            time make it greater than ``total_s - compute_s``.
        total_s: time from acceptance to the final state.
        first_frame_s: time from acceptance to the first frames of a video that can be played; None without a video.
    """

    compute_s: float
    waiting_s: float
    total_s: float
    first_frame_s: float | None = None

    @property
    def words(self) -> str:
        """The times for people."""
        first = "" if self.first_frame_s is None else f", first frame after {self.first_frame_s:.1f} s"
        return f"{self.compute_s:.1f} s computing, {self.waiting_s:.1f} s waiting{first}"


def times_of(job: JobRecord) -> JobTimes | None:
    """The times of a job; None until it has ended."""
    if job.finished_at is None:
        return None
    spans = (NodeSpan(node.started_at, node.finished_at, node.seconds, node.cached) for node in job.nodes)
    shown_s = first_frame_s(job.created_at, job.nodes)
    return split(job.created_at, job.finished_at, spans)._replace(first_frame_s=shown_s)


def first_frame_s(created_at: float, nodes: Iterable[NodeVideo]) -> float | None:
    """Seconds from acceptance to the first finished part of a video, or to the first video without parts.

    Args:
        created_at: when the job was accepted.
        nodes: its nodes.
    """
    shown = (_shown_at(node) for node in nodes)
    first = min((at for at in shown if at is not None), default=None)
    return None if first is None else round(max(0.0, first - created_at), 3)


def _shown_at(node: NodeVideo) -> float | None:
    if node.first_part_at is not None and node.part_kind == "video":
        return node.first_part_at
    return node.finished_at if any(ref.kind == "video" for ref in refs_in(node.output)) else None


def split(created_at: float, finished_at: float, nodes: Iterable[NodeSpan]) -> JobTimes:
    """The times of a job from its own and its nodes'. A node that was stopped ran until the end of the job."""
    compute_s, covered = 0.0, []
    for node in nodes:
        if node.cached or node.started_at is None:
            continue
        # The clocks of other machines may be off, so the length of a span is measured and only its place is stamped.
        ran_s = node.seconds if node.seconds is not None else (node.finished_at or finished_at) - node.started_at
        ran_s = max(0.0, ran_s)
        compute_s += ran_s
        end = node.finished_at or finished_at  # a node that waited for parts was last started before its end
        covered.append((end - ran_s, end))
    total_s = max(0.0, finished_at - created_at)
    waiting_s = max(0.0, total_s - _union_s(covered))
    return JobTimes(round(compute_s, 3), round(waiting_s, 3), round(total_s, 3))


def _union_s(spans: list[tuple[float, float]]) -> float:
    """The time that at least one span covers."""
    found, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        found += max(0.0, end - max(start, until))
        until = max(until, end)
    return found
