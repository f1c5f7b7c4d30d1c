"""Normalises the path and the query of a request, so that the access check and MLflow see the same spelling."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from schemas.errors import WorkbenchError

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def plain_path(raw: bytes) -> str:
    """The decoded path. Raises WorkbenchError (request.not_found) for an ambiguous path.

    Args:
        raw: the percent-encoded path of the request.
    """
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise _odd(raw) from None
    if not path.startswith("/") or "//" in path or _CONTROL.search(path):
        raise _odd(raw)
    if any(part in (".", "..") for part in path.split("/")):
        raise _odd(raw)
    return path


def leads_out(path: str) -> bool:
    """Whether the path names a parent directory, however often it is percent-encoded."""
    while (plain := unquote(path)) != path:
        path = plain
    return ".." in path.replace("\\", "/").split("/")


def plain_query(raw: bytes) -> list[tuple[str, str]]:
    """Names and values of a query string, in order. Raises WorkbenchError (request.invalid) if it is not UTF-8."""
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError as error:
        raise WorkbenchError(
            "request.invalid", f"the query cannot be read: {error}", where="query", remedy="Encode it as UTF-8."
        ) from None


def _odd(raw: bytes) -> WorkbenchError:
    return WorkbenchError(
        "request.not_found",
        "MLflow has nothing at this address",
        where=raw.decode("latin-1")[:200],
        remedy="Use paths without `.`, `..`, empty parts, backslashes or control characters.",
    )
