"""Which models leave memory when another needs room."""

from __future__ import annotations

from nodes.model_cache import ModelCache


def filled() -> ModelCache:
    cache = ModelCache()
    for key, size in (("old", 4.0), ("pinned", 0.0), ("used", 4.0), ("new", 4.0)):
        cache.get(key, lambda key=key: key, vram_gib=size)
    cache.get("old", lambda: "never loaded again", vram_gib=4.0)
    return cache


def test_the_least_recently_used_models_leave_until_there_is_room() -> None:
    cache = filled()
    cache.make_room(lambda: len(cache.keys) <= 3)
    assert cache.keys == ["pinned", "new", "old"]


def test_nothing_leaves_where_there_is_room() -> None:
    cache = filled()
    cache.make_room(lambda: True)
    assert len(cache.keys) == 4


def test_a_model_that_stays_and_models_without_a_size_never_leave() -> None:
    cache = filled()
    cache.make_room(lambda: False, keep="used")
    assert cache.keys == ["pinned", "used"]
