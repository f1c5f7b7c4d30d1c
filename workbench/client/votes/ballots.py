"""Votes as arrays: what the statistics need of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.vote import Choice

Numbers = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
SCORE = {Choice.LEFT: 1.0, Choice.TIE: 0.5, Choice.RIGHT: 0.0}  # of the left item


@dataclass(frozen=True)
class Ballots:
    """The votes on one axis, one element a vote.

    Attributes:
        items: how many items the study has.
        left, right: which items were on show, from 0.
        score: 1 if the left one won, 0.5 for a tie, 0 if the right one won.
        rater: who voted, from 0.
    """

    items: int
    left: Indexes
    right: Indexes
    score: Numbers
    rater: Indexes

    @classmethod
    def of(cls, items: int, votes: Sequence[tuple[int, int, float, int]]) -> Ballots:
        """From (left, right, score, rater)."""
        columns = list(zip(*votes, strict=True)) if votes else [(), (), (), ()]
        left, right, rater = (np.array(columns[at], dtype=np.int64) for at in (0, 1, 3))
        return cls(items, left, right, np.array(columns[2], dtype=np.float64), rater)

    def __len__(self) -> int:
        return len(self.left)

    @property
    def wins(self) -> Numbers:
        """(items, items): how often the first was better than the second; a tie counts half for both."""
        table = np.zeros((self.items, self.items))
        np.add.at(table, (self.left, self.right), self.score)
        np.add.at(table, (self.right, self.left), 1 - self.score)
        return table

    @property
    def votes_of_items(self) -> Indexes:
        """(items,): in how many votes each item was on show."""
        return np.bincount(np.concatenate([self.left, self.right]), minlength=self.items)

    @property
    def raters(self) -> int:
        """How many people voted."""
        return len(np.unique(self.rater))
