"""The bodies of requests that change something: read once, checked, and written anew, so that MLflow reads the same.

MLflow reads JSON in UTF-8, 16 or 32, JSON within a JSON string, escapes and both spellings of a field. What was parsed
here is what is sent on; of two equal names in one object nobody can say which counts, so they are refused.
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
    """The body as it is sent on. Raises WorkbenchError: request.invalid, tracking.foreign_location.

    Args:
        path: the request's, below MLflow's own root.
        bucket: the workbench's own.
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
    """Spans in OTLP's form. An attribute of a root span can become a tag that says where MLflow reads: none may.

    Raises WorkbenchError: request.invalid, tracking.foreign_location.
    """
    if media_type == PROTOBUF:
        read = data  # its texts stand in it as they are
    else:
        read = data = json.dumps(_parsed(data), ensure_ascii=False).encode("utf-8", "surrogatepass")
    for name in _IN_SPANS:
        if name in read:
            raise foreign("attributes", name.decode())
    return data


def _experiment(body: dict[str, Any]) -> dict[str, Any]:
    """A new experiment has a name and tags; whatever else is named is its place, in one spelling or another."""
    other = {name: value for name, value in body.items() if name not in _EXPERIMENT and value not in (None, "")}
    if other:
        raise foreign(*next(iter(other.items())))
    return {name: body[name] for name in _EXPERIMENT if name in body}


def _check_query(query: object) -> None:
    """What the page asks by GraphQL reads; the one query that lists files would not look at where they are."""
    if not isinstance(query, str) or any(word in query for word in ("mutation", "subscription", "mlflowListArtifacts")):
        raise WorkbenchError(
            "tracking.not_offered",
            "by GraphQL the page of MLflow asks for runs and figures, and for nothing else",
            where="query",
            seen=query,
            remedy="Use MLflow's REST API, as its Python client does.",
        )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data, object_pairs_hook=_without_twins) if data else {}
        if isinstance(body, str):  # as old clients sent it
            body = json.loads(body, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from None
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise _unreadable(f"{type(body).__name__} in place of an object")
    return body


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _objects(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left: list[Any] = [body]  # no recursion: a body may be nested as deep as its sender likes
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
        remedy="Send what the MLflow client sends.",
    )
