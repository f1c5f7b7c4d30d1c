"""Keeps models loaded within a worker process, and evicts the least recently used ones when the budget is full."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class ModelCache:
    """``get(key, load)`` loads once. Models with ``vram_gib`` count against the budget; others are never evicted."""

    def __init__(self, vram_budget_gib: float = float("inf")) -> None:
        self._budget = vram_budget_gib
        self._models: OrderedDict[str, tuple[Any, float]] = OrderedDict()
        self._lock = threading.RLock()
        self.loads = 0

    @property
    def keys(self) -> list[str]:
        return list(self._models)

    def get(self, key: str, load: Callable[[], T], vram_gib: float = 0.0) -> T:
        with self._lock:  # one load at a time, because two together could exceed the budget
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key][0]  # type: ignore[no-any-return]
            self._make_room(vram_gib)
            model = load()
            self.loads += 1
            self._models[key] = (model, vram_gib)
            return model

    def make_room(self, fits: Callable[[], bool], keep: str = "") -> None:
        """Evict the least recently used models with ``vram_gib`` until ``fits()`` is true or none is left.

        Args:
            fits: whether the memory suffices now. keep: the key of a model that stays.
        """
        with self._lock:
            for key in [key for key, (_, size) in self._models.items() if size > 0 and key != keep]:
                if fits():
                    return
                del self._models[key]
                gc.collect()  # networks refer to themselves, and their memory counts now

    def _make_room(self, vram_gib: float) -> None:
        used = sum(size for _, size in self._models.values())
        for key, (_, size) in list(self._models.items()):
            if used + vram_gib <= self._budget:
                return
            if size > 0:
                del self._models[key]
                used -= size
