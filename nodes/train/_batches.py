"""Which examples a step of training sees: a function of the seed and the step alone, so that it can begin anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import torch


def generator_of(seed: int, *parts: int | str) -> torch.Generator:
    """A generator on the CPU for one purpose, independent of those with other parts."""
    digest = hashlib.sha256("/".join(map(str, (seed, *parts))).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


class Batches:
    """Batches of examples that have the same size. Every example comes once in each epoch, in a new order."""

    def __init__(self, sizes: Sequence[Hashable], batch_size: int, seed: int) -> None:
        self._buckets = [[at for at, one in enumerate(sizes) if one == size] for size in dict.fromkeys(sizes)]
        self._batch_size = batch_size
        self._seed = seed
        self._length = sum(-(-len(bucket) // batch_size) for bucket in self._buckets)
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def at(self, number: int) -> list[int]:
        """The examples of this batch, counted from the start of the training; fewer than a batch at a bucket's end."""
        epoch, at = divmod(number, self._length)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(generator_of(self._seed, "epoch", epoch)))
        return self._epoch[1][at]

    def _shuffled(self, generator: torch.Generator) -> list[list[int]]:
        batches = []
        for bucket in self._buckets:
            order = [bucket[at] for at in torch.randperm(len(bucket), generator=generator).tolist()]
            batches += [order[at : at + self._batch_size] for at in range(0, len(order), self._batch_size)]
        return [batches[at] for at in torch.randperm(len(batches), generator=generator).tolist()]
