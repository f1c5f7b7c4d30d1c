"""How far raters agree with each other, and with themselves.

Krippendorff's alpha (K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011) with the interval distance on
first / tie / second as 1, 0, -1: it allows for missing votes and any number of raters, and a tie is half as far from a
win as a loss is. Which of two items counts as the first is arbitrary, so each pair enters in both orders, which makes
alpha independent of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from workbench.client.votes.ballots import Ballots


def alpha(units: Mapping[tuple[int, int], Sequence[float]]) -> float | None:
    """1: all agree; 0: as by chance; below: they disagree. None if no pair has two votes.

    Args:
        units: for each pair, one value of each rater: 1, 0 or -1 from the view of its first item.
    """
    both = [np.array(values, dtype=np.float64) for values in units.values() if len(values) >= 2]
    if not both:
        return None
    total = 2 * sum(len(values) for values in both)
    observed = 0.0
    for values in both:
        apart = float(np.sum((values[:, None] - values[None, :]) ** 2))
        observed += 2 * apart / (len(values) - 1)
    observed /= total
    pooled = np.concatenate([*both, *(-values for values in both)])
    # The pooled mean is 0, so the sum of all squared differences is 2 n sum(v^2).
    expected = 2 * total * float(np.sum(pooled**2)) / (total * (total - 1))
    return None if expected == 0 else 1 - observed / expected


def units_of(ballots: Ballots, first_only: Iterable[bool] | None = None) -> dict[tuple[int, int], list[float]]:
    """The input of ``alpha``: the first vote of each rater on each pair.

    Args:
        first_only: for each vote, whether it counts; by default all.
    """
    counted = list(first_only) if first_only is not None else [True] * len(ballots)
    found: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for left, right, score, rater, counts in zip(
        ballots.left.tolist(),
        ballots.right.tolist(),
        ballots.score.tolist(),
        ballots.rater.tolist(),
        counted,
        strict=True,
    ):
        if counts:
            value = 2 * score - 1
            found[min(left, right), max(left, right)].setdefault(rater, value if left < right else -value)
    return {pair: list(values.values()) for pair, values in found.items()}


def consistency(repeats: Sequence[tuple[float, float]]) -> float | None:
    """The share of repeated pairs with the same vote as at first; None without any.

    Args:
        repeats: both scores of the same item, 0, 0.5 or 1.
    """
    return None if not repeats else sum(first == again for first, again in repeats) / len(repeats)
