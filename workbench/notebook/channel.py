"""The kernel's end of the channel of widgets (workbench/web/channel.js has the messages).

One thread with an event loop takes messages whatever the kernel is busy with, and pushes live states of jobs. Questions
are answered on other threads.
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
from workbench.client.deployment import Deployment
from workbench.client.error_responses import error_response
from workbench.client.live.hub import Hub
from workbench.client.live.watcher import Watcher
from workbench.client.media.links import media_link
from workbench.client.media.media_types import file_name, is_shown, served_type
from workbench.client.media.streams import stream
from workbench.notebook import questions
from workbench.notebook.uploads import Uploads

MAX_RANGE_BYTES = 1 << 20  # of one message
MAX_TEXT_BYTES = 200_000
LINK_S = 7 * 24 * 3600  # the longest that S3 signs for
GONE_S = 150.0  # a page in the background speaks once a minute
LOOK_S = 30.0  # for pages that are gone
AGAIN_S = 2.0
_LASTING = ("job.unknown", "request.invalid")  # other refusals pass

Send = Callable[..., None]  # of a widget model: a message, and buffers
Wanted = tuple[str, str, dict[str, Any]]  # ask, media or text; the name of the question; its parameters


@dataclass
class _Page:
    """A page of a browser. It ends without a word."""

    send: Send
    heard_at: float = 0.0
    watcher: Watcher | None = None
    telling: asyncio.Task[None] | None = None
    uploads: Uploads = field(default_factory=Uploads)


class Channel:
    """One a kernel and deployment. Thread-safe; its thread ends with the process."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.asker = questions.Asker(deployment)
        self._hub = Hub(deployment)
        self._pages: dict[str, _Page] = {}
        self._looking: asyncio.TimerHandle | None = None  # as long as a page is there
        self._ends = _Ends(self._hub)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="notebook channel", daemon=True).start()

    @property
    def watching(self) -> int:
        """How many pages are told of jobs."""
        return sum(page.watcher is not None for page in list(self._pages.values()))

    # -- from other threads -------------------------------------------------------------------------------------------

    def take(self, message: dict[str, Any], buffers: Iterable[Any], send: Send) -> None:
        """Do what a browser asks for, and answer it."""
        asyncio.run_coroutine_threadsafe(self._taken(message, [bytes(one) for one in buffers], send), self._loop)

    def known(self, wanted: Iterable[Wanted]) -> dict[str, Any]:
        """What can be answered now, to be saved with the notebook. Blocks.

        By the address of the question, behind ``media:`` or ``text:`` for what it leads to.
        """
        found: dict[str, Any] = {}
        for kind, name, given in wanted:
            key = questions.address(name, given)
            with contextlib.suppress(WorkbenchError):  # what cannot be answered now is asked for when it is looked at
                if kind == "ask":
                    found[key] = questions.answer(self.asker, name, given)
                elif kind == "media":
                    led = questions.media(self.asker, name, given)
                    found[f"media:{key}"] = led if isinstance(led, str) else self.link(led, given)
                else:
                    found[f"text:{key}"] = self.text(given["sha256"])
        return found

    def link(self, ref: Ref, given: questions.Params) -> str:
        """An address of an artifact that is good for a week: of the app where there is one, else of the store."""
        settings, download = self.deployment.settings, bool(given.get("download"))
        path = media_link(settings, ref, download=download) if settings.app_url else ""
        if path:
            return settings.app_url.rstrip("/") + path
        return self.deployment.objects.presign(
            ref.sha256,
            expires_s=LINK_S,
            filename=file_name(ref),
            media_type=served_type(ref),
            attachment=download or not is_shown(ref),
        )

    def text(self, sha256: str) -> str:
        """The beginning of a text or JSON artifact. Blocks. Raises WorkbenchError (artifact.unknown)."""
        with self.deployment.open(self.asker.readable(sha256)).open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode(errors="replace")

    def when_final(self, job: str, then: Callable[[], None]) -> Callable[[], None]:
        """Call ``then`` once, in a thread, when the job has ended. The answer gives that up."""
        self._loop.call_soon_threadsafe(self._ends.await_end, job, then)

        def give_up() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended with the kernel
                self._loop.call_soon_threadsafe(self._ends.give_up, job, then)

        return give_up

    # -- on the loop --------------------------------------------------------------------------------------------------

    async def _taken(self, message: dict[str, Any], buffers: list[bytes], send: Send) -> None:
        client = str(message.get("client"))
        if message.get("kind") == "bye":
            self._forget(client)
            return
        page = self._pages.setdefault(client, _Page(send))
        page.send, page.heard_at = send, time.monotonic()
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._forget_gone)
        if message.get("kind") == "live":
            await self._live(client, page).take(orjson.dumps(message.get("message")))
            return
        sent: list[bytes] = []
        try:
            status, answer = 200, await asyncio.to_thread(self._answer, page, message, buffers, sent)
        except WorkbenchError as error:
            status, answer = error_response(error)
        except Exception as fault:  # a browser that hears nothing would take the kernel for dead
            status, answer = 500, {"error": f"this is a bug in the workbench: {fault!r}", "code": "bug", "details": {}}
        send({"client": client, "id": message.get("id"), "kind": "answer", "status": status, "answer": answer}, sent)

    def _answer(self, page: _Page, message: dict[str, Any], buffers: list[bytes], sent: list[bytes]) -> Any:
        given = message.get("params") or {}
        match message.get("kind"):
            case "hello":
                return {}
            case "ask":
                return questions.answer(self.asker, str(message.get("name")), given)
            case "media":
                led = questions.media(self.asker, str(message.get("name")), given)
                if isinstance(led, str):
                    return {"url": led}
                return {"url": self.link(led, given)} if message.get("direct") else questions.described(led)
            case "text":
                return {"text": self.text(str(message.get("sha256")))}
            case "stream":
                index, _ = stream(self.deployment, self.asker.readable(str(message.get("sha256"))))
                return index.model_dump(mode="json", by_alias=True)
            case "bytes":
                sent.append(self._range(message))
                return {}
            case "upload":
                return page.uploads.take(self.deployment, message, buffers)
        return questions.answer(self.asker, str(message.get("kind")), given)  # refuses it with what may be asked

    def _range(self, message: dict[str, Any]) -> bytes:
        """Bytes of an artifact, or of its pieces, from ``start`` up to ``end``: at most a megabyte."""
        ref = self.asker.readable(str(message.get("sha256")))
        file: Path = stream(self.deployment, ref)[1] if message.get("pieces") else self.deployment.open(ref)
        start = max(0, int(message["start"]))
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(min(MAX_RANGE_BYTES, max(0, int(message["end"]) - start)))

    def _live(self, client: str, page: _Page) -> Watcher:
        if page.watcher is None:
            page.watcher = Watcher(self._hub, self.deployment.job, LOCAL.may_see)
            page.telling = self._loop.create_task(self._tell(client, page, page.watcher))
        return page.watcher

    async def _tell(self, client: str, page: _Page, watcher: Watcher) -> None:
        while True:
            update = orjson.loads(await watcher.next_message())
            page.send({"client": client, "kind": "live", "message": update})

    def _forget(self, client: str) -> None:
        page = self._pages.pop(client, None)
        if page is None:
            return
        page.uploads.close()
        if page.watcher is not None and page.telling is not None:
            page.telling.cancel()
            page.watcher.close()

    def _forget_gone(self) -> None:
        long_ago = time.monotonic() - GONE_S
        for client in [client for client, page in self._pages.items() if page.heard_at < long_ago]:
            self._forget(client)
        self._looking = self._loop.call_later(LOOK_S, self._forget_gone) if self._pages else None


class _Ends:
    """Who waits for the end of which job. Belongs to the channel's loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._watched: dict[str, Callable[[], bool]] = {}  # job -> whether it has ended

    def await_end(self, job: str, then: Callable[[], None]) -> None:
        self._waiting.setdefault(job, []).append(then)
        if job not in self._asking and job not in self._watched:
            self._asking[job] = asyncio.get_running_loop().create_task(self._follow(job))

    def give_up(self, job: str, then: Callable[[], None]) -> None:
        if then in (waiting := self._waiting.get(job, [])):
            waiting.remove(then)
        if not waiting:
            self._leave(job)

    def touch(self, job: str) -> None:
        """The hub says that something of the job is new."""
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
                if error.code in _LASTING:
                    self._leave(job)
                    return
                await asyncio.sleep(AGAIN_S)
                continue
            self._asking.pop(job, None)
            self._watched[job] = partial(_has_ended, followed)
            if job not in self._waiting:  # given up meanwhile
                self._leave(job)
            else:
                self.touch(job)
            return

    def _leave(self, job: str) -> None:
        self._waiting.pop(job, None)
        if self._watched.pop(job, None) is not None:
            self._hub.leave(self, job)
        elif (asking := self._asking.pop(job, None)) is not None and asking is not asyncio.current_task():
            asking.cancel()


def _has_ended(followed: Any) -> bool:
    return bool(followed.shown.final)
