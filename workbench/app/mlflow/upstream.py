"""The MLflow server as the app reaches it: over its Unix socket, or by a URL with the login in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from schemas.errors import WorkbenchError
from workbench.app.mlflow.locations import KIND_TAG, PLACE_TAGS, check_served, check_tag, foreign
from workbench.app.mlflow.paths import encoded_path, encoded_query
from workbench.unix_url import HOST, socket_of

CONNECT_S, SILENT_S = 3.0, 120.0  # a large file is read from the object store before its first byte comes
CONNECTIONS = 100  # a paused video holds one
_REMEMBERED = 10_000
_API = "/api/2.0/mlflow"


class Upstream:
    """One MLflow server; belongs to the event loop it is first used in.

    Args:
        url: of the settings: http(s) or http+unix.
        bucket: the workbench's own, beside which MLflow may keep its files.
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
            trust_env=False,  # no proxy and no .netrc of the environment comes in between
            follow_redirects=False,
        )
        self._client.headers.clear()
        self._served: OrderedDict[str, None] = (
            OrderedDict()
        )  # runs and models whose place was looked at: it never changes

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
        """The answer, its body not read yet; close it. Raises WorkbenchError (tracking.unreachable)."""
        asked = encoded_query(query)
        url = f"{self._base}{self._prefix}{encoded_path(path)}" + (f"?{asked}" if asked else "")
        try:
            return await self._client.send(
                self._client.build_request(method, url, headers=headers, content=body), stream=True
            )
        except httpx.HTTPError as fault:
            raise away(fault) from fault

    async def check_places(self, path: str, query: list[tuple[str, str]]) -> None:
        """Whether what a request reads or writes lies in the served store.

        Raises WorkbenchError: tracking.foreign_location, tracking.unreachable.
        """
        given = {name: [value for key, value in query if key == name] for name, _ in query}
        named = path.rpartition("/")[2]
        if path in ("/get-artifact", "/model-versions/get-artifact") or named == "upload-artifact":
            if path.startswith("/model-versions"):
                await self._check_version(given)
            else:
                await self._check_run(given)
        elif path.endswith("/mlflow/artifacts/list"):
            await self._check_run(given)
        elif "/mlflow/logged-models/" in path and "/artifacts/" in path:
            await self._check_model(path.split("/")[5])
        elif named == "get-trace-artifact":
            await self._check_trace(given)

    async def _check_run(self, given: dict[str, list[str]]) -> None:
        for run in {*given.get("run_id", ()), *given.get("run_uuid", ())}:
            if not self._known(run):
                found = await self._ask(f"{_API}/runs/get", [("run_id", run)])
                if found is not None:
                    check_served(str(found["run"]["info"].get("artifact_uri", "")), self._bucket, "artifact_uri")
                    self._remember(run)

    async def _check_model(self, model: str) -> None:
        if not self._known(model):
            found = await self._ask(f"{_API}/logged-models/{model}", [])
            if found is not None:
                check_served(str(found["model"]["info"].get("artifact_uri", "")), self._bucket, "artifact_uri")
                self._remember(model)

    async def _check_version(self, given: dict[str, list[str]]) -> None:
        asked = [(name, value) for name in ("name", "version") for value in given.get(name, ())]
        found = await self._ask(f"{_API}/model-versions/get-download-uri", asked)
        if found is not None:
            check_served(str(found.get("artifact_uri", "")), self._bucket, "source")

    async def _check_trace(self, given: dict[str, list[str]]) -> None:
        for trace in given.get("request_id", ()):
            if not trace or "/" in trace:  # a slash would make another address of it; an id that MLflow made has none
                raise foreign("request_id", trace)
            found = await self._ask(f"/api/3.0/mlflow/traces/{trace}", [])
            if found is not None:
                tags = found["trace"]["trace_info"].get("tags", {})
                for name in (*PLACE_TAGS, KIND_TAG):
                    if name in tags and not (name == KIND_TAG and tags[name] == "ARCHIVE_REPO"):
                        check_tag(name, tags[name], self._bucket)

    async def _ask(self, path: str, query: list[tuple[str, str]]) -> Any:
        """What MLflow answers; None where it does not know the thing, which it says itself to whoever asked."""
        answer = await self.send("GET", path, query, {"Accept": "application/json"}, None)
        data = await whole_body(answer)
        if answer.status_code >= 500:
            raise away(f"HTTP {answer.status_code}")
        return None if answer.status_code != 200 else httpx.Response(200, content=data).json()

    def _known(self, thing: str) -> bool:
        return thing in self._served

    def _remember(self, thing: str) -> None:
        self._served[thing] = None
        if len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)


async def whole_body(answer: httpx.Response) -> bytes:
    """The body of an answer; its connection is given back. Raises WorkbenchError (tracking.unreachable)."""
    try:
        return await answer.aread()
    except httpx.HTTPError as fault:
        raise away(fault) from fault
    finally:
        await answer.aclose()


def away(fault: object) -> WorkbenchError:
    """The error of a server that does not answer; its address is not shown."""
    return WorkbenchError(
        "tracking.unreachable",
        "MLflow does not answer",
        where="/mlflow",
        seen=str(fault) or type(fault).__name__,
        remedy="It takes up to half a minute to start; `workbench status` says how it is.",
    )
