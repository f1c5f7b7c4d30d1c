"""Bradley–Terry strengths of the items with bootstrap intervals.

The model: item i beats item j with probability 1 / (1 + exp(s_j - s_i)). evalica fits it (Bradley and Terry 1952; the
iteration of Newman 2023). A tie counts half for both. Strengths are logarithms with mean 0, so that a difference of 1
means odds of 2.7 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from workbench.client.votes.ballots import Ballots, Numbers

REPLICATES = 1000
LEVEL = 0.95
# Half of a tie with each other item, shared among them. An item that won all its votes would be infinitely strong.
PRIOR = 0.5
RATERS_ENOUGH = 10  # a bootstrap over fewer raters has too few to draw from


@dataclass(frozen=True)
class Strengths:
    """(items,) each. ``low`` and ``high`` are the ends of the intervals; ``drawn`` is (replicates, items)."""

    strength: Numbers
    low: Numbers
    high: Numbers
    drawn: Numbers
    over: str  # "votes" or "raters"


def fit(wins: Numbers, prior: float = PRIOR) -> Numbers:
    """The strengths for a table of wins (``Ballots.wins``): (items,), mean 0.

    Args:
        prior: votes that every item is taken to have tied, spread over the others.
    """
    import evalica
    import pandas as pd

    count = len(wins)
    if count < 2:
        return np.zeros(count)
    spread = wins + prior / (count - 1)
    first, second = np.nonzero(~np.eye(count, dtype=bool))
    found = evalica.bradley_terry(
        first.tolist(),
        second.tolist(),
        [evalica.Winner.X] * len(first),
        index=pd.RangeIndex(count),
        weights=spread[first, second].tolist(),
        tolerance=1e-6,
        limit=2000,
    )
    logs = np.log(np.maximum(found.scores.sort_index().to_numpy(dtype=np.float64), 1e-12))
    centred: Numbers = logs - logs.mean()
    return centred


def strengths(
    ballots: Ballots, *, replicates: int = REPLICATES, level: float = LEVEL, over: str = "", seed: int = 0
) -> Strengths:
    """The strengths and their intervals, the same at each call.

    The intervals are expanded percentile intervals (Hesterberg, What Teachers Should Know About the Bootstrap, 2015):
    plain percentile intervals are too narrow for few votes.

    Args:
        over: what is drawn with replacement: "votes", or "raters" with all their votes; by default raters from
            ``RATERS_ENOUGH`` of them.
    """
    over = over or ("raters" if ballots.raters >= RATERS_ENOUGH else "votes")
    best = fit(ballots.wins)
    if not len(ballots) or ballots.items < 2:
        nothing = np.full(ballots.items, np.nan)
        return Strengths(best, nothing, nothing, np.zeros((0, ballots.items)), over)
    random = np.random.default_rng(seed)
    draw = _draw_raters if over == "raters" else _draw_votes
    drawn = np.stack([fit(table) for table in draw(ballots, replicates, random)])
    sizes = np.full(ballots.items, ballots.raters) if over == "raters" else ballots.votes_of_items
    tails = [_tail(level, int(size)) for size in sizes]
    low = np.array([np.quantile(column, tail) for column, tail in zip(drawn.T, tails, strict=True)])
    high = np.array([np.quantile(column, 1 - tail) for column, tail in zip(drawn.T, tails, strict=True)])
    return Strengths(best, np.minimum(low, best), np.maximum(high, best), drawn, over)


def _tail(level: float, size: int) -> float:
    """The share outside each end of an expanded percentile interval: that of Student's t with ``size`` - 1 degrees of
    freedom, scaled by sqrt(size / (size - 1))."""
    size = max(size, 3)
    z = NormalDist().inv_cdf((1 + level) / 2)
    free = size - 1
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)  # Cornish and Fisher
    return 1 - NormalDist().cdf(t * math.sqrt(size / free))


def _draw_votes(ballots: Ballots, replicates: int, random: np.random.Generator) -> Numbers:
    """Tables of wins. Equal votes are counted first, because drawing counts is faster than drawing votes."""
    rows = np.stack([ballots.left, ballots.right, ballots.score * 2], axis=1).astype(np.int64)
    cells, counts = np.unique(rows, axis=0, return_counts=True)
    times = random.multinomial(len(ballots), counts / counts.sum(), size=replicates)
    tables = np.zeros((replicates, ballots.items, ballots.items))
    for (left, right, twice), column in zip(cells, times.T, strict=True):
        tables[:, left, right] += column * (twice / 2)
        tables[:, right, left] += column * (1 - twice / 2)
    return tables


def _draw_raters(ballots: Ballots, replicates: int, random: np.random.Generator) -> Numbers:
    people, which = np.unique(ballots.rater, return_inverse=True)
    own = np.zeros((len(people), ballots.items, ballots.items))
    np.add.at(own, (which, ballots.left, ballots.right), ballots.score)
    np.add.at(own, (which, ballots.right, ballots.left), 1 - ballots.score)
    times = random.multinomial(len(people), np.full(len(people), 1 / len(people)), size=replicates)
    tables: Numbers = np.einsum("rp,pij->rij", times.astype(np.float64), own)
    return tables


def ranks(low: Numbers) -> list[int]:
    """The place of each item by its lower bound, from 1; equal bounds share a place."""
    filled = np.nan_to_num(low, nan=-np.inf)
    return [1 + int(np.sum(filled > one)) for one in filled]
