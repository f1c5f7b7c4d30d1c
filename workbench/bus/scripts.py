"""Loads the Lua scripts and calls them by digest."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any

import redis

_FOLDER = resources.files("workbench.bus") / "lua"


@cache
def source(name: str) -> str:
    """The complete text of a script: the shared prelude and its own part."""
    return (_FOLDER / "_prelude.lua").read_text() + (_FOLDER / f"{name}.lua").read_text()


@cache
def digest(name: str) -> str:
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


def names() -> list[str]:
    return sorted(
        entry.name.removesuffix(".lua")
        for entry in _FOLDER.iterdir()
        if entry.name.endswith(".lua") and not entry.name.startswith("_")
    )


def call(client: redis.Redis, prefix: str, name: str, *args: Any) -> Any:
    """Run a script. If a restarted server does not have it, send its text; nothing has run before that."""
    try:
        return client.evalsha(digest(name), 1, prefix, *args)
    except redis.exceptions.NoScriptError:
        return client.eval(source(name), 1, prefix, *args)


def load_all(client: redis.Redis) -> None:
    for name in names():
        client.script_load(source(name))
