"""Shared by the routers: the user, the deployment, size-limited JSON bodies, and documented error responses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute

from schemas.api import JOB_ID_PATTERN, ErrorAnswer
from schemas.errors import WorkbenchError
from schemas.graph import MAX_DOCUMENT_BYTES
from workbench.app.identity import current_user
from workbench.client.access import User
from workbench.client.deployment import Deployment

MAX_BODY_BYTES = MAX_DOCUMENT_BYTES + 1024 * 1024  # a graph and the fields around it


def _deployment(request: Request) -> Deployment:
    deployment: Deployment = request.app.state.deployment
    return deployment


TheDeployment = Annotated[Deployment, Depends(_deployment)]
CurrentUser = Annotated[User, Depends(current_user)]
TheJob = Annotated[str, Path(pattern=JOB_ID_PATTERN, description="Id of a job.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of results.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Number of results to skip.")]

_DESCRIPTIONS = {
    401: "The request has no valid login.",
    403: "The user is not allowed to do this.",
    404: "It does not exist, or the user may not see it.",
    409: "The state of the job does not allow it, or the key was used for a different request.",
    413: "Too large.",
    415: "Files of this type are not accepted.",
    422: "The request is not valid; `details` states where, the value seen and the values allowed.",
    429: "Too many requests or running jobs of this user.",
    503: "A part of the deployment does not respond.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for its documentation."""
    return {status: {"model": ErrorAnswer, "description": _DESCRIPTIONS[status]} for status in (401, *statuses, 503)}


def multipart_form(properties: dict[str, dict[str, Any]], *, required: list[str]) -> dict[str, Any]:
    """The body of a route that receives multipart/form-data, for its documentation."""
    schema = {"type": "object", "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class StrictJson(Request):
    """A request with a JSON body of at most ``MAX_BODY_BYTES``, with finite numbers and limited nesting."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            chunks, size = [], 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise WorkbenchError(
                        "graph.too_large",
                        "the request is too large",
                        where="body",
                        seen=f"more than {MAX_BODY_BYTES:,} bytes",
                        allowed=f"at most {MAX_BODY_BYTES:,} bytes",
                        remedy="Upload files with POST /api/uploads and refer to them by their digests.",
                    )
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise WorkbenchError(
                    "graph.not_json",
                    f"the body is not JSON: {error.msg}",
                    where=f"line {error.lineno}, column {error.colno}",
                    seen=body[max(0, error.pos - 20) : error.pos + 20].decode(errors="replace"),
                    remedy="Send one JSON object in UTF-8, with finite numbers only.",
                ) from None
            check_json(self._json)
        return self._json


class StrictRoute(APIRoute):
    """Parses the JSON body before FastAPI does, so that its errors have the same shape as all others."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            request = StrictJson(request.scope, request.receive)
            if "json" in request.headers.get("content-type", "") and await request.body():
                await request.json()
            return await handle(request)

        return strict


MAX_DEPTH = 48


def check_json(value: Any) -> None:
    """Refuse values that later code could not traverse or serialise: deep nesting and non-finite numbers.

    Raises WorkbenchError (graph.not_json).
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inside.extend(item.values())
            elif isinstance(item, list):
                inside.extend(item)
            elif isinstance(item, float) and item - item != 0:
                raise WorkbenchError(
                    "graph.not_json",
                    "a number is not finite",
                    where="body",
                    seen=str(item),
                    allowed="finite numbers",
                    remedy="Use a finite number.",
                )
        if not inside:
            return
        level = inside
    raise WorkbenchError(
        "graph.not_json",
        "the document is nested too deeply",
        where="body",
        seen=f"more than {MAX_DEPTH} levels",
        allowed=f"at most {MAX_DEPTH} levels",
        remedy="Flatten the document.",
    )
