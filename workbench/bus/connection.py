"""Connections to the bus that detect a restarted or wiped server.

A restarted server may have lost its last seconds, and a wiped one has lost everything. Each new connection therefore
compares the server's run id with the control plane's mark. While they differ, the connection is refused and the caller
waits (docs/architecture.md, "Losing memory").
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import DefaultParser
from redis.retry import Retry

from schemas.errors import WorkbenchError
from workbench.bus.fields import MetaField

TIMEOUT_S = 5.0


class BusUnfamiliar(redis.ConnectionError):
    """The bus responds, but the control plane has not taken it over yet."""


class BusFull(redis.exceptions.ReadOnlyError):
    """The bus cannot write its file (MISCONF) because the disk is full. It recovers by itself."""


class _Parser(DefaultParser):  # type: ignore[misc, valid-type]
    EXCEPTION_CLASSES: ClassVar[dict[str, Any]] = {**DefaultParser.EXCEPTION_CLASSES, "MISCONF": BusFull}


BUS_UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ReadOnlyError,
)


def connect(url: str, *, meta_key: str | None, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client with its own small connection pool. Sends nothing before the first command.

    Args:
        url: redis:// URL with password.
        meta_key: key of the deployment's mark; None for the control plane, which may use an unknown server.
        timeout_s: timeout for connecting and for each response. Blocking commands must use a shorter one.

    redis-py's own retries are off, because a command whose response was lost must not be repeated implicitly.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "decode_responses": False,
        "protocol": 2,
        "parser_class": _Parser,
        "health_check_interval": 0,
    }
    if meta_key is not None:
        options["redis_connect_func"] = lambda connection: _greet(connection, meta_key)
    try:
        return redis.Redis.from_url(url, **options)
    except ValueError as error:
        raise WorkbenchError(
            "settings.invalid",
            f"the bus URL cannot be used: {error}",
            where="WORKBENCH_BUS_URL",
            seen=without_password(url),
            allowed="redis://[:password@]host:port",
            remedy="Correct the URL, or unset it to use the embedded bus.",
        ) from error


def run_id(client: redis.Redis) -> str:
    """The identity of the server process; it changes with every restart."""
    info = client.info("server")
    return str(info["run_id"])


def without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"***@{host}").geturl()


def unreachable(url: str, error: Exception) -> WorkbenchError:
    """The error for users when the bus does not respond."""
    if isinstance(error, BusUnfamiliar):
        remedy = "Start the control plane (`workbench up` or `workbench control`); it takes over the bus."
    else:
        remedy = "Start the stack with `workbench up`, or correct WORKBENCH_BUS_URL."
    return WorkbenchError(
        "bus.unreachable",
        f"the bus does not answer: {error}",
        where=without_password(url) or "WORKBENCH_BUS_URL is not set",
        remedy=remedy,
    )


def _greet(connection: Any, meta_key: str) -> None:
    connection.on_connect()
    connection.send_command("INFO", "server")
    info = connection.read_response()
    text = info.decode() if isinstance(info, bytes) else str(info)
    actual = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("run_id:")), "")
    connection.send_command("HGET", meta_key, MetaField.RUN_ID.value)
    known = connection.read_response()
    if known is None or known.decode() != actual:
        raise BusUnfamiliar("no control plane has taken over this bus since it started")
