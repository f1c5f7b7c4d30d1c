"""Lets the bus rewrite its append-only file, so that deleted and trimmed data is in no file afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError

TIMEOUT_S = 120.0


def rewrite_log(url: str, folder: Path) -> str:
    """Rewrite the file and wait until the old files are gone. Returns what could not be done.

    Raises WorkbenchError (bus.unreachable).
    """
    import redis

    client = redis.Redis.from_url(url, socket_timeout=10.0)
    try:
        return _rewrite(client, folder / "appendonlydir")
    except redis.RedisError as error:
        raise WorkbenchError(
            "bus.unreachable", f"The bus could not rewrite its file: {error}.", where=str(folder)
        ) from error
    finally:
        client.close()


def _rewrite(client: Any, folder: Path) -> str:
    import redis

    until = time.monotonic() + TIMEOUT_S
    _wait_idle(client, until)  # a rewrite that started earlier may have missed the last deletions
    before = {path.name for path in folder.glob("*.aof")}
    try:
        client.bgrewriteaof()
    except redis.ResponseError as error:
        return f"the bus cannot rewrite its file now ({error}); try again."
    state = _wait_idle(client, until)
    if state is None:
        return f"the bus did not finish rewriting its file within {TIMEOUT_S:.0f} s, and continues in the background."
    if state.get("aof_last_bgrewrite_status") != "ok":
        return "the bus could not rewrite its file, usually because the disk is full: check bus.log."
    while before & {path.name for path in folder.glob("*.aof")}:  # a background thread removes them
        if time.monotonic() > until:
            return "the bus has not removed the old files after rewriting."
        time.sleep(0.01)
    return ""


def _wait_idle(client: Any, until: float) -> dict[str, Any] | None:
    while True:
        state: dict[str, Any] = client.info("persistence")
        if (
            not state["aof_rewrite_in_progress"]
            and not state["aof_rewrite_scheduled"]
            and not state["rdb_bgsave_in_progress"]
        ):
            return state
        if time.monotonic() > until:
            return None
        time.sleep(0.02)
