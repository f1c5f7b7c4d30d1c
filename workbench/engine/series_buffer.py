"""Points of metric series that were not sent yet: a few of them, however many steps a node makes."""

from __future__ import annotations

from schemas.series import Point, Series, merged

MOST_UNSENT = 24  # of a series


class SeriesBuffer:
    """Collects points by metric. It keeps the first, the last and the extremes if there are many."""

    def __init__(self) -> None:
        self._points: Series = {}

    def add(self, name: str, points: list[Point]) -> None:
        """Add points in the order of their steps. They replace those from their first step on."""
        self._points[name] = merged(self._points.get(name, ()), points, MOST_UNSENT)

    def take(self) -> Series:
        """The points, which are removed."""
        points, self._points = self._points, {}
        return points

    def __bool__(self) -> bool:
        return bool(self._points)
