"""Spearman's correlation of metrics with the strengths from votes, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.client.votes.ballots import Numbers

FEWEST = 4  # items, for an interval
REPLICATES = 2000


@dataclass(frozen=True)
class Correlation:
    """``rho`` from -1 to 1; the ends of its interval are None for too few items."""

    rho: float
    low: float | None
    high: float | None
    items: int


def ranked(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Numbers = (ends - (counts - 1) / 2)[which]
    return ranks


def spearman(one: Numbers, two: Numbers) -> float | None:
    """Pearson's correlation of the ranks; None if all values of one are equal."""
    first, second = ranked(one) - (len(one) + 1) / 2, ranked(two) - (len(two) + 1) / 2
    scale = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / scale if scale else None


def correlated(metric: Numbers, strength: Numbers, drawn: Numbers, *, seed: int = 0) -> Correlation | None:
    """The correlation over the items that have the metric.

    Each replicate draws items, and the strengths of one replicate of the votes, so that the interval has both sources
    of chance.

    Args:
        metric: (items,), NaN where it is missing.
        strength: (items,).
        drawn: (replicates, items), from ``strengths``.
    """
    has = np.flatnonzero(np.isfinite(metric))
    if len(has) < 3:
        return None
    rho = spearman(metric[has], strength[has])
    if rho is None:
        return None
    if len(has) < FEWEST or not len(drawn):
        return Correlation(rho, None, None, len(has))
    random = np.random.default_rng(seed)
    found = []
    for _ in range(REPLICATES):
        some = random.choice(has, len(has))
        value = spearman(metric[some], drawn[random.integers(len(drawn))][some])
        if value is not None:
            found.append(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return Correlation(rho, float(low), float(high), len(has))
