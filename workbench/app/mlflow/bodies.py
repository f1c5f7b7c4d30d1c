"""Parses, checks and serialises again the bodies of requests that change something, so that MLflow reads the same.

MLflow reads JSON in UTF-8, 16 or 32, JSON within a JSON string, escapes and both spellings of a field. The proxy sends
what it parsed. It refuses duplicate names in one object, because it is undefined which of them counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from schemas.errors import WorkbenchError
from workbench.app.mlflow.locations import KIND_TAG, PLACE_TAGS, check_source, check_tag, foreign

PROTOBUF = "application/x-protobuf"
_EXPERIMENT = ("name", "tags")
_IN_SPANS = tuple(name.encode() for name in (*PLACE_TAGS, KIND_TAG))


def checked_json(path: str, data: bytes, bucket: str) -> bytes:
    """The body to forward. Raises WorkbenchError: request.invalid, tracking.foreign_location.

    Args:
        path: of the request, relative to MLflow's own root.
        bucket: the bucket of the workbench.
    """
    body = _parsed(data)
    if path.endswith("/mlflow/experiments/create"):
        body = _experiment(body)
    if path.endswith("/mlflow/model-versions/create"):
        check_source(body.get("source"), bucket)
    if path == "/graphql":
        _check_query(body.get("query"))
    for item in _objects(body):
        check_tag(item.get("key"), item.get("value"), bucket)
        for key, value in item.items():
            check_tag(key, value, bucket)
    return json.dumps(body).encode()


def checked_spans(data: bytes, media_type: str) -> bytes:
    """Spans in OTLP format. Refuses span attributes that would become tags that tell MLflow where to read.

    Raises WorkbenchError: request.invalid, tracking.foreign_location.
    """
    if media_type == PROTOBUF:
        read = data  # protobuf contains strings verbatim
    else:
        read = data = json.dumps(_parsed(data), ensure_ascii=False).encode("utf-8", "surrogatepass")
    for name in _IN_SPANS:
        if name in read:
            raise foreign("attributes", name.decode())
    return data


def _experiment(body: dict[str, Any]) -> dict[str, Any]:
    """Allows only the name and the tags of a new experiment. All other fields set its location, in some spelling."""
    other = {name: value for name, value in body.items() if name not in _EXPERIMENT and value not in (None, "")}
    if other:
        raise foreign(*next(iter(other.items())))
    return {name: body[name] for name in _EXPERIMENT if name in body}


def _check_query(query: object) -> None:
    """Refuse mutations and subscriptions, and the query that lists files, which would not check their location."""
    if not isinstance(query, str) or any(word in query for word in ("mutation", "subscription", "mlflowListArtifacts")):
        raise WorkbenchError(
            "tracking.not_offered",
            "GraphQL is only available for the queries of runs and metrics that MLflow's page sends",
            where="query",
            seen=query,
            remedy="Use MLflow's REST API, as its Python client does.",
        )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data, object_pairs_hook=_without_duplicates) if data else {}
        if isinstance(body, str):  # the format of old clients
            body = json.loads(body, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from None
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise _unreadable(f"{type(body).__name__} instead of an object")
    return body


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object contains a duplicate name")
    return found


def _objects(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left: list[Any] = [body]  # no recursion, because the sender chooses the depth
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _unreadable(why: str) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        f"the body cannot be read: {why}",
        where="body",
        allowed="one JSON object",
        remedy="Send the request in the format of the MLflow client.",
    )
