"""Blind votes by simulated raters of known strengths.

1. Coverage: how often the 95 % interval of an item contains its true strength, over many simulated studies whose pairs
   are chosen as the workbench chooses them. Wanted: 93 to 97 %.
2. Pairs for a precision: after how many votes a wanted share of all pairs of items is in the right order, with pairs
   chosen for information and with random ones. Wanted: fewer.

    python -m benchmarks.votes [--simulations 1000] [--votes 120]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from workbench.client.votes.ballots import Ballots, Numbers
from workbench.client.votes.pair_choice import next_pair
from workbench.client.votes.strengths import fit, strengths

ITEMS, SPREAD, REPLICATES = 6, 1.0, 200  # of the first question; the spread is the standard deviation of strengths
MORE_ITEMS, MORE_SPREAD, STUDIES, EVERY = 12, 1.5, 100, 20  # of the second
WANTED = 0.92  # share of pairs in the right order
Vote = tuple[int, int, float]


def truth(items: int, spread: float, random: np.random.Generator) -> Numbers:
    """Strengths, mean 0."""
    found = random.normal(0, spread, items)
    centred: Numbers = found - found.mean()
    return centred


def cast(strength: Numbers, votes: int, random: np.random.Generator, *, informed: bool) -> Iterator[Vote]:
    """The votes of one study: (left, right, score)."""
    items = len(strength)
    wins = np.zeros((items, items))
    for _ in range(votes):
        chosen = next_pair(wins, random) if informed else None
        left, right = chosen if chosen is not None else map(int, random.choice(items, 2, replace=False))
        score = float(random.random() < 1 / (1 + np.exp(strength[right] - strength[left])))
        wins[left, right] += score
        wins[right, left] += 1 - score
        yield left, right, score


def covered(job: tuple[int, int]) -> int:
    """How many intervals of one simulated study contain the truth."""
    seed, votes = job
    random = np.random.default_rng(seed)
    strength = truth(ITEMS, SPREAD, random)
    given = [(*vote, 0) for vote in cast(strength, votes, random, informed=True)]
    found = strengths(Ballots.of(ITEMS, given), replicates=REPLICATES, over="votes", seed=seed)
    return int(((found.low <= strength) & (strength <= found.high)).sum())


def precision(job: tuple[int, int, bool]) -> list[tuple[float, float]]:
    """(share of pairs in the right order, squared error of the strengths) of one study, every ``EVERY`` votes."""
    seed, votes, informed = job
    random = np.random.default_rng(seed)
    strength = truth(MORE_ITEMS, MORE_SPREAD, random)
    first, second = np.triu_indices(MORE_ITEMS, 1)
    right = np.sign(strength[first] - strength[second])
    wins, found = np.zeros((MORE_ITEMS, MORE_ITEMS)), []
    for number, (one, two, score) in enumerate(cast(strength, votes, random, informed=informed), 1):
        wins[one, two] += score
        wins[two, one] += 1 - score
        if number % EVERY == 0:
            fitted = fit(wins)
            order = float(np.mean(np.sign(fitted[first] - fitted[second]) == right))
            found.append((order, float(np.mean((fitted - strength) ** 2))))
    return found


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--simulations", type=int, default=1000)
    asked.add_argument("--votes", type=int, default=120, help="of a simulated study")
    asked.add_argument("--most", type=int, default=400, help="votes of a study for the second question")
    given = asked.parse_args()
    with ProcessPoolExecutor(2) as pool:
        needed: dict[bool, int | None] = {}
        for informed in (True, False):
            runs = [(10_000 + seed, given.most, informed) for seed in range(STUDIES)]
            order, error = np.mean(list(pool.map(precision, runs, chunksize=5)), axis=0).T
            reached = np.flatnonzero(order >= WANTED)
            needed[informed] = EVERY * (int(reached[0]) + 1) if len(reached) else None
            how = "chosen for information" if informed else "at random"
            print(
                f"pairs {how}: {needed[informed] or 'not enough'} votes until {WANTED:.0%} of the pairs "
                f"of {MORE_ITEMS} items are in the right order; after {given.most} votes {order[-1]:.1%}, "
                f"error of the strengths {np.sqrt(error[-1]):.2f}",
                flush=True,
            )
        few, many = needed[True], needed[False]
        if few and many:
            print(f"saved: {1 - few / many:.0%}", flush=True)
        begun, inside = time.monotonic(), 0
        jobs = [(seed, given.votes) for seed in range(given.simulations)]
        for number, hits in enumerate(pool.map(covered, jobs, chunksize=5), 1):
            inside += hits
            if number % 100 == 0 or number == len(jobs):
                print(
                    f"coverage of the 95 % interval: {inside / (number * ITEMS):.1%} in {number} studies of {ITEMS} "
                    f"items and {given.votes} votes ({time.monotonic() - begun:.0f} s)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
