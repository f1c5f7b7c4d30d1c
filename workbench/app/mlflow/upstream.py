"""The client of the MLflow server, over its Unix socket or by a URL that contains the login."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx

from schemas.errors import WorkbenchError
from workbench.app.mlflow.locations import KIND_TAG, PLACE_TAGS, check_served, check_tag, foreign
from workbench.unix_url import HOST, socket_of

CONNECT_S, SILENT_S = 3.0, 120.0  # MLflow reads a large file from the object store before it sends the first byte
CONNECTIONS = 100  # a paused video keeps one open
_REMEMBERED = 10_000
_API = "/api/2.0/mlflow"


class Upstream:
    """The client of one MLflow server. Belongs to the event loop of its first use.

    Args:
        url: from the settings: http(s) or http+unix.
        bucket: the bucket of the workbench, in which MLflow may also keep files.
    """

    def __init__(self, url: str, bucket: str) -> None:
        parts, path = urlsplit(url), socket_of(url)
        self._bucket = bucket
        self._prefix = parts.path.rstrip("/")
        self._base = f"http://{HOST}" if path else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username and not path else None
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=str(path) if path else None,
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            ),
            auth=login,
            timeout=httpx.Timeout(SILENT_S, connect=CONNECT_S),
            trust_env=False,  # ignore proxies and .netrc of the environment
            follow_redirects=False,
        )
        self._client.headers.clear()
        # Runs and models whose location was checked; a location never changes.
        self._served: OrderedDict[str, None] = OrderedDict()

    async def close(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> httpx.Response:
        """The response, with its body unread; the caller closes it. Raises WorkbenchError (tracking.unreachable)."""
        # A `;` or `%` in a name remains part of the name.
        url = f"{self._base}{self._prefix}{quote(path, safe='/')}" + (f"?{urlencode(query)}" if query else "")
        try:
            return await self._client.send(
                self._client.build_request(method, url, headers=headers, content=body), stream=True
            )
        except httpx.HTTPError as fault:
            raise unreachable(fault) from fault

    async def check_places(self, path: str, query: list[tuple[str, str]]) -> None:
        """Check that the request reads and writes in the served store only.

        Raises WorkbenchError: tracking.foreign_location, tracking.unreachable.
        """
        given = {name: [value for key, value in query if key == name] for name, _ in query}
        named = path.rpartition("/")[2]
        if path.startswith("/model-versions") and named in ("get-artifact", "upload-artifact"):
            await self._check_version(given)
        elif path == "/get-artifact" or named == "upload-artifact" or path.endswith("/mlflow/artifacts/list"):
            for run in {*given.get("run_id", ()), *given.get("run_uuid", ())}:
                await self._check_place("run", run, f"{_API}/runs/get", [("run_id", run)])
        elif "/mlflow/logged-models/" in path and "/artifacts/" in path:
            model = path.split("/")[5]
            await self._check_place("model", model, f"{_API}/logged-models/{model}", [])
        elif named == "get-trace-artifact":
            await self._check_trace(given)

    async def _check_place(self, what: str, object_id: str, path: str, query: list[tuple[str, str]]) -> None:
        """Check the location of a run or a model once."""
        if object_id in self._served:
            return
        found = await self._get(path, query)
        if found is not None:
            check_served(str(found[what]["info"].get("artifact_uri", "")), self._bucket, "artifact_uri")
            self._served[object_id] = None
            if len(self._served) > _REMEMBERED:
                self._served.popitem(last=False)

    async def _check_version(self, given: dict[str, list[str]]) -> None:
        query = [(name, value) for name in ("name", "version") for value in given.get(name, ())]
        found = await self._get(f"{_API}/model-versions/get-download-uri", query)
        if found is not None:
            check_served(str(found.get("artifact_uri", "")), self._bucket, "source")

    async def _check_trace(self, given: dict[str, list[str]]) -> None:
        for trace in given.get("request_id", ()):
            if not trace or "/" in trace:  # a slash would change the address; MLflow's own ids have none
                raise foreign("request_id", trace)
            found = await self._get(f"/api/3.0/mlflow/traces/{trace}", [])
            if found is not None:
                tags = found["trace"]["trace_info"].get("tags", {})
                for name in (*PLACE_TAGS, KIND_TAG):
                    if name in tags and not (name == KIND_TAG and tags[name] == "ARCHIVE_REPO"):
                        check_tag(name, tags[name], self._bucket)

    async def _get(self, path: str, query: list[tuple[str, str]]) -> Any:
        """The JSON response; None if the object does not exist, because MLflow then refuses the request itself."""
        answer = await self.send("GET", path, query, {"Accept": "application/json"}, None)
        data = await whole_body(answer)
        if answer.status_code >= 500:
            raise unreachable(f"HTTP {answer.status_code}")
        return None if answer.status_code != 200 else httpx.Response(200, content=data).json()


async def whole_body(answer: httpx.Response) -> bytes:
    """Read the body of a response and release its connection. Raises WorkbenchError (tracking.unreachable)."""
    try:
        return await answer.aread()
    except httpx.HTTPError as fault:
        raise unreachable(fault) from fault
    finally:
        await answer.aclose()


def unreachable(fault: object) -> WorkbenchError:
    """The error for a server that does not respond. It does not contain the server's address."""
    return WorkbenchError(
        "tracking.unreachable",
        "MLflow does not respond",
        where="/mlflow",
        seen=str(fault) or type(fault).__name__,
        remedy="MLflow needs up to half a minute to start. `workbench status` shows its state.",
    )
