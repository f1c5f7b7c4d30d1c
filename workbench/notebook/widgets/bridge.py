"""The HTTP API and the WebSocket of the workbench, inside the kernel: a widget sees exactly what a page sees.

One thread with an event loop runs the application without its pages and without a port. Only the kernel can reach it,
so the user is the one of this machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from workbench.app.answers import status_of
from workbench.app.server import create_app
from workbench.client.access import LOCAL, readable
from workbench.client.bench import Bench
from workbench.client.media.media_types import file_name, is_shown, served_type

MAX_INLINE_BYTES = 64_000  # of a picture that comes through the kernel: thumbnails and previews
MAX_TEXT_BYTES = 200_000
LINK_S = 7 * 24 * 3600  # the longest that S3 signs for
AGAIN_S = 2.0
_FINAL = ("completed", "failed", "cancelled")
_LASTING = ("job.unknown", "request.invalid")  # other refusals pass

Answer = tuple[int, Any]  # HTTP status, JSON


class Bridge:
    """One a kernel and bench. Thread-safe; the thread ends with the process."""

    def __init__(self, bench: Bench) -> None:
        from httpx import ASGITransport, AsyncClient

        self.bench = bench
        self.app = _as_local(create_app(bench, pages=False))
        transport = ASGITransport(app=self.app, raise_app_exceptions=False)
        self._http = AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=None)
        self._loop = asyncio.new_event_loop()
        self._ends: dict[str, list[Callable[[], None]]] = {}
        self._watching: Socket | None = None
        threading.Thread(target=self._loop.run_forever, name="notebook bridge", daemon=True).start()

    # -- from other threads -------------------------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run it on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def answers(self, paths: Iterable[str]) -> dict[str, Any]:
        """What the paths answer now, those that do. ``media:`` and ``text:`` before a path ask for what it leads to.

        Blocks.
        """

        async def all_of_them() -> dict[str, Any]:
            found = {}
            for path in paths:
                kind, _, rest = path.rpartition(":")
                status, answer = await (
                    self.media(rest) if kind == "media" else self.text(rest) if kind else self.call("GET", path)
                )
                if status == 200:
                    found[path] = answer.get("url") or answer["text"] if kind else answer
            return found

        return dict(self.start(all_of_them()).result())

    def when_final(self, job: str, then: Callable[[], None]) -> Callable[[], None]:
        """Call ``then`` once, in a thread, when the job has ended. The answer gives that up."""

        def begin() -> None:
            first = job not in self._ends
            self._ends.setdefault(job, []).append(then)
            if self._watching is None:
                self._watching = Socket(self, self._heard, self._unheard)
            if first:
                self._watching.say(action="subscribe", jobId=job)

        def give_up() -> None:
            waiting = self._ends.get(job, [])
            if then in waiting:
                waiting.remove(then)
            if not waiting and self._ends.pop(job, None) is not None and self._watching is not None:
                self._watching.say(action="unsubscribe", jobId=job)

        self._loop.call_soon_threadsafe(begin)
        return lambda: _quietly(self._loop.call_soon_threadsafe, give_up)

    # -- on the loop --------------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """What the API answers."""
        content = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if content else {}
        answer = await self._http.request(method, path, content=content, headers=headers)
        if answer.is_redirect:
            return 200, {"url": answer.headers["location"]}
        try:
            return answer.status_code, orjson.loads(answer.content or b"{}")
        except ValueError:
            return answer.status_code, {"error": f"the bench answered {answer.status_code}, and not with JSON"}

    async def media(self, path: str) -> Answer:
        """``{url}``: a link that expires after a week; small pictures themselves, as ``data:``."""
        digest, _, rest = path.removeprefix("/api/artifacts/").partition("?")
        if path.startswith("/api/artifacts/") and "/" not in digest:
            return await self._answered(self._link, digest, "download=1" in rest)
        answer = await self._http.get(path)
        if answer.is_redirect:
            return 200, {"url": answer.headers["location"]}
        media_type = answer.headers.get("content-type", "")
        if answer.is_success and media_type.startswith("image/"):
            if len(answer.content) > MAX_INLINE_BYTES:
                return 413, {"error": "the picture is too large for a notebook", "code": "request.too_large"}
            return 200, {"url": f"data:{media_type};base64,{base64.b64encode(answer.content).decode()}"}
        return answer.status_code, orjson.loads(answer.content or b"{}")

    async def text(self, path: str) -> Answer:
        """``{text}`` of an artifact of at most 200 kB."""
        return await self._answered(self._text, path.removeprefix("/api/artifacts/").partition("?")[0])

    async def _answered(self, ask: Callable[..., dict[str, str]], *given: Any) -> Answer:
        try:
            return 200, await asyncio.to_thread(ask, *given)
        except WorkbenchError as error:
            info = error.info()
            return status_of(error.code), {"error": info.message, "code": info.code, "details": info.details}

    def _link(self, digest: str, attachment: bool) -> dict[str, str]:
        ref = readable(self.bench, LOCAL, digest)
        url = self.bench.objects.presign(
            ref.sha256,
            expires_s=LINK_S,
            filename=file_name(ref),
            media_type=served_type(ref),
            attachment=attachment or not is_shown(ref),
        )
        return {"url": url}

    def _text(self, digest: str) -> dict[str, str]:
        with self.bench.open(readable(self.bench, LOCAL, digest)).open("rb") as file:
            return {"text": file.read(MAX_TEXT_BYTES).decode(errors="replace")}

    # -- ends of jobs -------------------------------------------------------------------------------------------------

    def _heard(self, text: str) -> None:
        message = orjson.loads(text)
        job = message.get("jobId", "")
        if message.get("type") == "update" and message.get("status") in _FINAL:
            for then in self._ends.pop(job, ()):
                threading.Thread(target=then, name="notebook job end", daemon=True).start()
        elif message.get("message") == "failed" and job in self._ends:
            if message.get("code") in _LASTING:
                del self._ends[job]
            else:
                self._loop.call_later(AGAIN_S, self._ask_again, job)

    def _ask_again(self, job: str) -> None:
        if job in self._ends and self._watching is not None:
            self._watching.say(action="subscribe", jobId=job)

    def _unheard(self) -> None:
        """The socket was closed, as for one that is too slow; it is opened again."""
        self._watching = None

        def reopen() -> None:
            self._watching = Socket(self, self._heard, self._unheard)
            for job in self._ends:
                self._watching.say(action="subscribe", jobId=job)

        self._loop.call_later(AGAIN_S, reopen)


class Socket:
    """One WebSocket of the application, without a network. Belongs to the bridge's loop."""

    def __init__(self, bridge: Bridge, heard: Callable[[str], None], closed: Callable[[], None]) -> None:
        self._bridge = bridge
        self._heard = heard
        self._closed = closed
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.get_running_loop().create_task(self._run())

    def say(self, **message: Any) -> None:
        """Send a message as JSON."""
        self.send(orjson.dumps(message).decode())

    def send(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def close(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def _run(self) -> None:
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "scheme": "ws",
            "path": "/ws",
            "raw_path": b"/ws",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "subprotocols": [],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 80),
        }
        with contextlib.suppress(Exception):  # whatever ended it: who holds it is told, and opens another
            await self._bridge.app(scope, self._incoming.get, self._send)
        self._closed()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            self._heard(message.get("text") or message["bytes"].decode())


def _as_local(app: Any) -> Any:
    """The application with what its guard would say about every request."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"user": LOCAL, "login": False, "csrf_token": ""}
        await app(scope, receive, send)

    return guarded


def _quietly(call: Callable[..., Any], *given: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended with the kernel
        call(*given)
