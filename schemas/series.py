"""Metric series: what a node measures over steps, such as the loss of a training.

A series is a list of points in the order of their steps. It has one point for a step: a node that goes back, because
it continues after a checkpoint, replaces what it reported from that step on. A series keeps at most ``MOST_POINTS``;
then it is thinned to half of that, evenly over the steps. ``workbench/web/series.js`` implements the same rules.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from schemas.base import Contract

MOST_POINTS = 1000  # of a series
MOST_SERIES = 50  # of a node
MOST_STEP = 10**12

Point = Annotated[tuple[int, float, float], Field(description="Step, value, and time: UTC, seconds since 1970.")]
Series = dict[str, list[Point]]


class NodeSeries(Contract):
    """A node has reported further points of its metrics."""

    points: Series = Field(description="By metric, in the order of their steps.")


class SeriesSummary(Contract):
    """A summary of a metric over steps."""

    first: float
    last: float
    step: int = Field(description="The last one.")
    least: float
    greatest: float


def extended(series: Mapping[str, Sequence[Point]], points: Mapping[str, Sequence[Point]]) -> Series:
    """The series of a node with further points."""
    more = {name: merged(series.get(name, ()), its, MOST_POINTS) for name, its in points.items()}
    return {name: list(its) for name, its in series.items()} | more


def merged(points: Sequence[Point], new: Sequence[Point], most: int) -> list[Point]:
    """The points followed by the new ones, which replace all from their first step on; thinned if there are too many.

    Args:
        most: the greatest number of points to keep; at least 8.
    """
    if not new:
        return list(points)
    kept = points[: bisect_left(points, new[0][0], key=lambda point: point[0])]
    return thinned([*kept, *new], most)


def thinned(points: list[Point], most: int) -> list[Point]:
    """At most ``most`` points. If there are more, half of that: the first, the last, and the least and the greatest of
    each of ``most // 4 - 1`` equal ranges of steps. The same points always give the same result."""
    if len(points) <= most:
        return points
    first, span, ranges = points[0][0], points[-1][0] - points[0][0] + 1, most // 4 - 1
    kept, here = [points[0]], -1
    low = high = points[0]

    def keep() -> None:
        kept.extend([low] if low[0] == high[0] else [low, high] if low[0] < high[0] else [high, low])

    for point in points[1:-1]:
        place = (point[0] - first) * ranges // span
        if place != here:
            if here >= 0:
                keep()
            here, low, high = place, point, point
        elif point[1] < low[1]:
            low = point
        elif point[1] > high[1]:
            high = point
    keep()
    return [*kept, points[-1]]


def summary(points: Sequence[Point]) -> SeriesSummary:
    """Raises ValueError for a series without points."""
    values = [value for _, value, _ in points]
    return SeriesSummary(first=values[0], last=values[-1], step=points[-1][0], least=min(values), greatest=max(values))


def sentence(name: str, points: Sequence[Point]) -> str:
    """For people: ``loss 0.412 at step 120, from 1.93``."""
    since = f", from {points[0][1]:.3g}" if len(points) > 1 else ""
    return f"{name} {points[-1][1]:.3g} at step {points[-1][0]:,}{since}"
