"""What one run found: milliseconds by system and round, chains a second, and the figures made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import interval, percentile

Interval = tuple[float, float, float]  # low, middle, high: 95 % bootstrap


@dataclass
class Found:
    """One system: lists of milliseconds, one list a round, and chains a second, one figure a round."""

    single: list[list[float]] = field(default_factory=list)
    chain: list[list[float]] = field(default_factory=list)
    chains_a_second: list[float] = field(default_factory=list)


def pooled(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [value for one in rounds for value in one]


def p50(rounds: Sequence[Sequence[float]]) -> Interval:
    """Median over all rounds, in the unit given."""
    return interval(pooled(rounds))


def p99(rounds: Sequence[Sequence[float]], draws: int = 1000) -> Interval:
    """99th percentile over all rounds. Its interval is as wide as the tail is thin."""
    values, chance = pooled(rounds), random.Random(0)
    found = sorted(percentile(chance.choices(values, k=len(values)), 0.99) for _ in range(draws))
    return found[int(0.025 * draws)], percentile(values, 0.99), found[int(0.975 * draws)]


def ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], share: float = 0.5) -> Interval:
    """Percentile over percentile, with the interval of drawing whole rounds: what disturbs, disturbs for longer."""
    chance = random.Random(0)
    count = len(ours)

    def of(chosen: Sequence[int]) -> float:
        mine = percentile(pooled([ours[index] for index in chosen]), share)
        return mine / percentile(pooled([theirs[index] for index in chosen]), share)

    found = sorted(of(chance.choices(range(count), k=count)) for _ in range(1000))
    return found[25], of(range(count)), found[975]


def rate(values: Sequence[float]) -> Interval:
    return interval(values)


def rate_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Median over median, with the interval of drawing rounds."""
    chance = random.Random(0)
    count = len(ours)

    def of(chosen: Sequence[int]) -> float:
        return median(ours[index] for index in chosen) / median(theirs[index] for index in chosen)

    found = sorted(of(chance.choices(range(count), k=count)) for _ in range(1000))
    return found[25], of(range(count)), found[975]
