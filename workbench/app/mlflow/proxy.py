"""The proxy at /mlflow: checks each request, sends a newly built request to MLflow, and streams the response back.

Only the bytes of files pass through unparsed. The proxy decodes and encodes path and query, parses records, and
forwards only the headers listed here, in both directions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from tempfile import TemporaryFile
from typing import IO

import httpx
from anyio import CancelScope, move_on_after, to_thread
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.access.body import check_declared, too_large
from workbench.app.error_responses import error_response
from workbench.app.identity import current_user
from workbench.app.mlflow.access import check_access
from workbench.app.mlflow.bodies import PROTOBUF, checked_json, checked_spans
from workbench.app.mlflow.limits import ROOT, brings_file
from workbench.app.mlflow.page import DATA_POLICY, PAGE_POLICY, with_view
from workbench.app.mlflow.paths import leads_out, plain_path, plain_query
from workbench.app.mlflow.upstream import Upstream, whole_body
from workbench.client.deployment import Deployment
from workbench.embedded.home import home_error

# Forwarded headers of requests and responses. Never Origin, Cookie, Authorization, X-Forwarded-*.
_REQUEST_HEADERS = frozenset(
    {"accept", "accept-language", "if-modified-since", "if-none-match", "if-range", "range", "user-agent"}
    | {"x-mlflow-experiment-id", "x-mlflow-run-id"}
)
_RESPONSE_HEADERS = frozenset(
    {"accept-ranges", "cache-control", "content-disposition", "content-encoding", "content-length", "content-range"}
    | {"content-type", "etag", "last-modified"}
)
_STATIC = "/static-files/"
_CHUNK_BYTES = 256 * 1024
UNREAD_S = 5.0
# MLflow's error codes. Its client shows them with the message.
_MLFLOW_CODES = {400: "INVALID_PARAMETER_VALUE", 403: "PERMISSION_DENIED", 404: "ENDPOINT_NOT_FOUND"}


class MlflowProxy:
    """ASGI application below /mlflow."""

    def __init__(self, deployment: Deployment) -> None:
        self._settings = deployment.settings
        self._most = int(deployment.settings.mlflow_upload_mb * 1024 * 1024)
        self._made: Upstream | None = None

    @property
    def _upstream(self) -> Upstream:
        if self._made is None:
            self._made = Upstream(self._settings.mlflow_url, self._settings.s3_bucket)
        return self._made

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()
            self._made = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        read = False

        async def noted() -> Message:
            nonlocal read
            message = await receive()
            read = not message.get("more_body")  # the next message after the last one is the disconnect
            return message

        request = Request(scope, noted)
        try:
            answer = await self._answered(request)
        except ClientDisconnect:
            return
        except WorkbenchError as error:
            answer = _refusal(error)
            if request.method not in ("GET", "HEAD"):
                with move_on_after(UNREAD_S):  # a client that is cut off while it sends does not see the response
                    while not read:
                        await noted()
                answer.headers["Connection"] = "close"
        await answer(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        path = plain_path(_raw_path(request.scope))
        query = plain_query(request.scope["query_string"])
        check_access(current_user(request), self._settings, request.method, path)
        _check_query_paths(query)
        await self._upstream.check_places(path, query)
        headers = {name: value for name, value in request.headers.items() if name in _REQUEST_HEADERS}
        if path.endswith("/mlflow/experiments/create"):
            query = []
        if brings_file(request.method, ROOT + path):
            with TemporaryFile(dir=self._settings.home) as file:
                await self._keep(request, file, headers)
                answer = await self._upstream.send(request.method, path, query, headers, _chunks(file))
        else:
            reads = request.method in ("GET", "HEAD")
            body = None if reads else await self._record(request, path, headers)
            answer = await self._upstream.send(request.method, path, query, headers, body)
        if path == "/" and answer.status_code == 200 and request.method == "GET":
            return await _page(answer)
        return _passed_on(answer, path)

    async def _record(self, request: Request, path: str, headers: dict[str, str]) -> bytes | None:
        """The body to forward. Adds the headers that describe it."""
        _check_plain(request)
        data = await request.body()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if path == "/v1/traces":
            headers["content-type"] = PROTOBUF if media_type == PROTOBUF else "application/json"
            return await to_thread.run_sync(checked_spans, data, headers["content-type"])
        if not data and request.method == "DELETE":
            return None
        headers["content-type"] = "application/json"
        return await to_thread.run_sync(checked_json, path, data, self._settings.s3_bucket)

    async def _keep(self, request: Request, file: IO[bytes], headers: dict[str, str]) -> None:
        """Receive the whole file before forwarding it, because MLflow also stores a truncated file of a lost client."""
        _check_plain(request)
        check_declared(request.headers, self._most)
        try:
            async for chunk in request.stream():
                if file.tell() + len(chunk) > self._most:
                    raise too_large(self._most)
                await to_thread.run_sync(file.write, chunk)
        except OSError as error:
            raise home_error(self._settings.home, error) from error
        headers["content-type"] = request.headers.get("content-type", "application/octet-stream")
        headers["content-length"] = str(file.tell())
        file.seek(0)


def add_mlflow(app: FastAPI) -> MlflowProxy:
    """Serve MLflow at /mlflow. Call it before the pages are mounted, because they match all remaining addresses."""
    proxy = MlflowProxy(app.state.deployment)

    async def with_slash(request: Request) -> Response:
        query = request.url.query  # MLflow's own redirect names a port on which it does not listen
        return RedirectResponse(f"{ROOT}/" + (f"?{query}" if query else ""), 308)

    app.router.routes.append(Route(ROOT, with_slash, methods=["GET"], include_in_schema=False))
    app.router.routes.append(Mount(ROOT, app=proxy, name="mlflow"))
    return proxy


def _raw_path(scope: Scope) -> bytes:
    """The raw path below /mlflow."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    root = ROOT.encode()
    if not raw.startswith(root + b"/"):  # `/%6Dlflow/` reaches the mount too
        raise WorkbenchError(
            "request.not_found", "there is nothing at this address", remedy=f"Write {ROOT} without percent-encoding."
        )
    return raw[len(root) :].partition(b"?")[0]


def _check_query_paths(query: list[tuple[str, str]]) -> None:
    """Refuse file names with parent directories. MLflow checks them too."""
    for name, value in query:
        if name.endswith("path") and leads_out(value):
            raise WorkbenchError(
                "request.invalid",
                "a file name leads outside its run",
                where=name,
                seen=value,
                remedy="Use a name without `..`.",
            )


async def _page(answer: httpx.Response) -> Response:
    page = await whole_body(answer)
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
    return Response(with_view(page), 200, headers, "text/html")


def _passed_on(answer: httpx.Response, path: str) -> Response:
    headers = {name: value for name, value in answer.headers.items() if name in _RESPONSE_HEADERS}
    if not path.startswith(_STATIC):
        headers["content-security-policy"] = DATA_POLICY
        headers.setdefault("cache-control", "no-store")
        if not headers.get("content-type", "").startswith("application/json"):
            headers.setdefault("content-disposition", "attachment")

    return _Streamed(answer, headers)


class _Streamed(StreamingResponse):
    """Streams the body. However it ends, the connection to MLflow is released."""

    def __init__(self, answer: httpx.Response, headers: dict[str, str]) -> None:
        super().__init__(answer.aiter_raw(), answer.status_code, headers)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._answer.aclose()


def _refusal(error: WorkbenchError) -> JSONResponse:
    """The error response of the app, with the two additional fields that MLflow's client reads."""
    answer = error_response(error)
    info = error.info()
    code = _MLFLOW_CODES.get(answer.status_code, "TEMPORARILY_UNAVAILABLE" if answer.status_code == 503 else "")
    message = f"{info.message}. {error.remedy}" if error.remedy else info.message
    body = {"error_code": code or "BAD_REQUEST", "message": message}
    full = {"error": info.message, "code": info.code, "details": info.details, **body}
    headers = {name: value for name, value in answer.headers.items() if name in ("retry-after", "www-authenticate")}
    return JSONResponse(full, answer.status_code, headers)


def _check_plain(request: Request) -> None:
    """Refuse encoded bodies, because the checks here must see what MLflow reads."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WorkbenchError(
            "request.invalid",
            "bodies for MLflow must not be encoded",
            where="Content-Encoding",
            seen=request.headers["content-encoding"],
            allowed="no encoding",
            remedy="Disable the compression of the client.",
        )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await to_thread.run_sync(file.read, _CHUNK_BYTES):
        yield chunk
