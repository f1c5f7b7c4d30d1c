"""Which pair a rater sees next: the one from which most is to be learnt.

With the fitted strengths, a vote on items i and j has the variance p (1 - p), and the strengths have the covariance of
the inverse Fisher information. The expected gain in information is then log(1 + p (1 - p) var(s_i - s_j)) / 2 nats: the
criterion of D-optimal designs (for paired comparisons: Glickman and Jensen 2005). It prefers close items that few votes
connect, and so keeps the numbers of votes balanced by itself.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from workbench.client.votes.ballots import Numbers
from workbench.client.votes.strengths import fit

RIDGE = 0.25  # precision of the strengths before any vote: a standard deviation of 2
NEAR_BEST = 0.97  # pairs whose gain is this share of the best are drawn from at random
REPEAT_AFTER = 4  # so many other pairs come before one is shown again


def gains(wins: Numbers) -> Numbers:
    """(items, items): the expected information of one more vote on each pair, in nats; 0 on the diagonal."""
    strength = fit(wins)
    chance = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
    spread = chance * (1 - chance)
    weight = (wins + wins.T) * spread
    information = np.diag(weight.sum(axis=1)) - weight + RIDGE * np.eye(len(wins))
    covariance = np.linalg.inv(information)
    variances = np.diag(covariance)
    difference = variances[:, None] + variances[None, :] - 2 * covariance
    gain: Numbers = 0.5 * np.log1p(spread * np.maximum(difference, 0))
    np.fill_diagonal(gain, 0)
    return gain


def next_pair(
    wins: Numbers,
    random: np.random.Generator,
    *,
    seen: Collection[tuple[int, int]] = (),
    without: Collection[int] = (),
) -> tuple[int, int] | None:
    """(left, right) for a rater, in random order; None if fewer than two items are left.

    Args:
        wins: all votes so far, and half a win for both items of each pair that someone has on show now.
        seen: the pairs that this rater has voted on. They come again only after all others.
        without: items that are gone.
    """
    left = [item for item in range(len(wins)) if item not in set(without)]
    if len(left) < 2:
        return None
    gain = gains(wins)
    known = {tuple(sorted(pair)) for pair in seen}
    pairs = [(a, b) for at, a in enumerate(left) for b in left[at + 1 :]]
    fresh = [pair for pair in pairs if pair not in known] or pairs
    values = np.array([gain[pair] for pair in fresh])
    near = np.flatnonzero(values >= values.max() * NEAR_BEST)
    one, two = fresh[int(random.choice(near))]
    return (one, two) if random.random() < 0.5 else (two, one)


def repeated_pair(
    shown: list[tuple[str, int, int]],
    repeated: Collection[str],
    random: np.random.Generator,
    *,
    share: float,
    without: Collection[int] = (),
) -> tuple[str, int, int] | None:
    """A pair that this rater saw before, with the sides swapped: (id of the first showing, left, right).

    Args:
        shown: the rater's first showings, oldest first: (id, left, right).
        repeated: ids of those that were shown again.
        share: the wanted share of repeats in the rater's pairs.
    """
    old = [one for one in shown[:-REPEAT_AFTER] if one[0] not in repeated and not {one[1], one[2]} & set(without)]
    if not old or len(repeated) >= share * (len(shown) + len(repeated) + 1):
        return None
    name, left, right = old[int(random.integers(len(old)))]
    return name, right, left
