"""The kernel's end of the channel of widgets (workbench/web/channel.js has the messages).

A thread with an event loop receives messages even while the kernel is busy, and sends live states of jobs. Other
threads process the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client.access import LOCAL
from workbench.client.delivery.deliver import cached_copy, deliver
from workbench.client.deployment import Deployment
from workbench.client.error_responses import status_and_body
from workbench.client.live.hub import Hub
from workbench.client.live.watcher import Watcher
from workbench.client.media.derived_files import stream
from workbench.client.media.links import media_link
from workbench.client.media.media_types import file_name, is_shown, served_type
from workbench.notebook import widget_api
from workbench.notebook.display import live_views
from workbench.notebook.static_html import LINK_S
from workbench.notebook.uploads import Uploads

MAX_RANGE_BYTES = 1 << 20  # per message
MAX_TEXT_BYTES = 200_000
GONE_S = 150.0  # a page in the background sends a message only once a minute
CHECK_S = 30.0  # interval of the check for closed pages
RETRY_S = 2.0
_PERMANENT = ("job.unknown", "request.invalid")  # other errors are temporary

Send = Callable[..., None]  # a widget model's send(message, buffers)
Wanted = tuple[str, str, dict[str, Any]]  # ask, media or text; the name of the request; its parameters


@dataclass
class _Page:
    """A page of a browser. It may disappear without a message."""

    send: Send
    heard_at: float = 0.0
    watcher: Watcher | None = None
    sending: asyncio.Task[None] | None = None
    uploads: Uploads = field(default_factory=Uploads)


class Channel:
    """One per kernel and deployment. Thread-safe; its thread ends with the process."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.user = widget_api.WidgetUser(deployment)
        self._hub = Hub(deployment)
        self._pages: dict[str, _Page] = {}
        self._checking: asyncio.TimerHandle | None = None  # set while there are pages
        self._ends = _JobEnds(self._hub)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="notebook channel", daemon=True).start()
        live_views.add(self)

    @property
    def watching(self) -> int:
        """The number of pages that receive live states."""
        return sum(page.watcher is not None for page in list(self._pages.values()))

    def watches(self, job_id: str) -> bool:
        """Whether a page receives the live state of the job."""
        watchers = [page.watcher for page in list(self._pages.values())]
        return any(watcher is not None and watcher.watches(job_id) for watcher in watchers)

    # -- from other threads -------------------------------------------------------------------------------------------

    def take(self, message: dict[str, Any], buffers: Iterable[Any], send: Send) -> None:
        """Process a browser's message and respond to it."""
        asyncio.run_coroutine_threadsafe(self._taken(message, [bytes(one) for one in buffers], send), self._loop)

    def saved_answers(self, wanted: Iterable[Wanted]) -> dict[str, Any]:
        """The responses that are available now, to be saved with the notebook. Blocks.

        The keys are the addresses of the requests, with the prefix ``media:`` or ``text:`` for media and texts.
        """
        found: dict[str, Any] = {}
        for kind, name, given in wanted:
            key = widget_api.address(name, given)
            with contextlib.suppress(WorkbenchError):  # the view requests it again when it is displayed
                if kind == "ask":
                    found[key] = widget_api.answer(self.user, name, given)
                elif kind == "media":
                    led = widget_api.media(self.user, name, given)
                    found[f"media:{key}"] = led if isinstance(led, str) else self.link(led, given)
                else:
                    found[f"text:{key}"] = self.text(given["sha256"])
        return found

    def link(self, ref: Ref, given: widget_api.Params) -> str:
        """An address of an artifact that is valid for a week: of the app if there is one, else of the object store."""
        settings = self.deployment.settings
        path = media_link(settings, ref, download=bool(given.get("download"))) if settings.app_url else ""
        if path:
            return settings.app_url.rstrip("/") + path
        return self.deployment.objects.presign(
            ref.sha256,
            expires_s=LINK_S,
            filename=file_name(ref),
            media_type=served_type(ref),
            attachment=not is_shown(ref),
        )

    def text(self, sha256: str) -> str:
        """The beginning of a text or JSON artifact. Blocks. Raises WorkbenchError (artifact.unknown)."""
        with self.deployment.open(self.user.readable(sha256)).open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode(errors="replace")

    def when_final(self, job: str, then: Callable[[], None]) -> Callable[[], None]:
        """Call ``then`` once, in a thread, when the job has ended. The returned function cancels that."""
        self._loop.call_soon_threadsafe(self._ends.await_end, job, then)

        def cancel() -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended with the kernel
                self._loop.call_soon_threadsafe(self._ends.cancel, job, then)

        return cancel

    # -- on the loop --------------------------------------------------------------------------------------------------

    async def _taken(self, message: dict[str, Any], buffers: list[bytes], send: Send) -> None:
        client = str(message.get("client"))
        if message.get("kind") == "bye":
            self._forget(client)
            return
        page = self._pages.setdefault(client, _Page(send))
        page.send, page.heard_at = send, time.monotonic()
        if self._checking is None:
            self._checking = self._loop.call_later(CHECK_S, self._forget_gone)
        if message.get("kind") == "live":
            await self._live(client, page).take(orjson.dumps(message.get("message")))
            return
        sent: list[bytes] = []
        try:
            status, answer = 200, await asyncio.to_thread(self._answer, page, message, buffers, sent)
        except WorkbenchError as error:
            status, answer = status_and_body(error)
        except Exception as fault:  # without a response, the browser would assume that the kernel is dead
            status, answer = 500, {"error": f"this is a bug in the workbench: {fault!r}", "code": "bug", "details": {}}
        send({"client": client, "id": message.get("id"), "kind": "answer", "status": status, "answer": answer}, sent)

    def _answer(self, page: _Page, message: dict[str, Any], buffers: list[bytes], sent: list[bytes]) -> Any:
        given = message.get("params") or {}
        match message.get("kind"):
            case "hello":
                return {}
            case "ask":
                return widget_api.answer(self.user, str(message.get("name")), given)
            case "media":
                led = widget_api.media(self.user, str(message.get("name")), given)
                if isinstance(led, str):
                    return {"url": led}
                if message.get("direct"):
                    return {"url": self.link(led, given)}
                return widget_api.described(led, deliver(self.deployment, led) if given.get("download") else None)
            case "text":
                return {"text": self.text(str(message.get("sha256")))}
            case "stream":
                index, _ = stream(self.deployment, self.user.readable(str(message.get("sha256"))))
                return index.model_dump(mode="json", by_alias=True)
            case "bytes":
                sent.append(self._range(message))
                return {}
            case "upload":
                return page.uploads.take(self.deployment, message, buffers)
        return widget_api.answer(
            self.user, str(message.get("kind")), given
        )  # raises the error that lists the allowed requests

    def _range(self, message: dict[str, Any]) -> bytes:
        """Bytes of an artifact, or of its pieces, from ``start`` to ``end``: at most one megabyte."""
        sha256 = str(message.get("sha256"))
        delivered = None if message.get("pieces") else cached_copy(self.deployment, sha256)
        file: Path = delivered or self._file(self.user.readable(sha256), pieces=bool(message.get("pieces")))
        start = max(0, int(message["start"]))
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(min(MAX_RANGE_BYTES, max(0, int(message["end"]) - start)))

    def _file(self, ref: Ref, *, pieces: bool) -> Path:
        return stream(self.deployment, ref)[1] if pieces else self.deployment.open(ref)

    def _live(self, client: str, page: _Page) -> Watcher:
        if page.watcher is None:
            page.watcher = Watcher(self._hub, self.deployment.job, LOCAL.may_see)
            page.sending = self._loop.create_task(self._send_updates(client, page, page.watcher))
        return page.watcher

    async def _send_updates(self, client: str, page: _Page, watcher: Watcher) -> None:
        while True:
            update = orjson.loads(await watcher.next_message())
            page.send({"client": client, "kind": "live", "message": update})

    def _forget(self, client: str) -> None:
        page = self._pages.pop(client, None)
        if page is None:
            return
        page.uploads.close()
        if page.watcher is not None and page.sending is not None:
            page.sending.cancel()
            page.watcher.close()

    def _forget_gone(self) -> None:
        long_ago = time.monotonic() - GONE_S
        for client in [client for client, page in self._pages.items() if page.heard_at < long_ago]:
            self._forget(client)
        self._checking = self._loop.call_later(CHECK_S, self._forget_gone) if self._pages else None


class _JobEnds:
    """The callbacks that wait for the ends of jobs. Belongs to the channel's loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._subscribing: dict[str, asyncio.Task[None]] = {}
        self._watched: dict[str, Callable[[], bool]] = {}  # job -> whether it has ended

    def await_end(self, job: str, then: Callable[[], None]) -> None:
        self._waiting.setdefault(job, []).append(then)
        if job not in self._subscribing and job not in self._watched:
            self._subscribing[job] = asyncio.get_running_loop().create_task(self._follow(job))

    def cancel(self, job: str, then: Callable[[], None]) -> None:
        if then in (waiting := self._waiting.get(job, [])):
            waiting.remove(then)
        if not waiting:
            self._leave(job)

    def touch(self, job: str) -> None:
        """Called by the hub when the job has changed."""
        if (ended := self._watched.get(job)) is None or not ended():
            return
        waiting = self._waiting.get(job, [])
        self._leave(job)
        for then in waiting:
            threading.Thread(target=then, name="notebook job end", daemon=True).start()

    async def _follow(self, job: str) -> None:
        while job in self._waiting:
            try:
                record = await asyncio.to_thread(self._hub.deployment.job, job)
                followed = await self._hub.follow(self, record)
            except WorkbenchError as error:
                if error.code in _PERMANENT:
                    self._leave(job)
                    return
                await asyncio.sleep(RETRY_S)
                continue
            self._subscribing.pop(job, None)
            self._watched[job] = partial(_has_ended, followed)
            if job not in self._waiting:  # cancelled meanwhile
                self._leave(job)
            else:
                self.touch(job)
            return

    def _leave(self, job: str) -> None:
        self._waiting.pop(job, None)
        if self._watched.pop(job, None) is not None:
            self._hub.leave(self, job)
        elif (
            subscribing := self._subscribing.pop(job, None)
        ) is not None and subscribing is not asyncio.current_task():
            subscribing.cancel()


def _has_ended(followed: Any) -> bool:
    return bool(followed.shown.final)
