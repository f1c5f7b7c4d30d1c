"""What views have in common in a kernel: the modules that draw them, and the messages that lead to the bench."""

from __future__ import annotations

import asyncio
import re
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import traitlets
from ipywidgets import Widget

from workbench.client.bench import Bench
from workbench.notebook.addresses import page_of
from workbench.notebook.display import HIDDEN_PICTURES
from workbench.notebook.widgets.bridge import Bridge, Socket
from workbench.settings import Settings
from workbench.web import folder

ENTRY = "notebook.js"
HERE = Path(__file__).parent
GONE_S = 150.0  # a page in the background speaks once a minute
LOOK_S = 30.0  # for pages that are gone
_KEYFRAMES = re.compile(r"@keyframes [\w-]+ \{(?:[^{}]*\{[^{}]*\})*\s*\}")
_IMPORT = re.compile(r'\bfrom\s*"\./([\w.]+)"')


class Modules(Widget):  # type: ignore[misc]
    """One a kernel and bench; it has no view of its own.

    Attributes:
        sources: (file name, text), each behind those that it imports.
        style: for what stands inside of ``.wb-notebook``; JupyterLab's own page is not touched.
        page: address of the bench's page, where a browser may go there: for links. The page lets nothing be embedded.
    """

    sources = traitlets.List().tag(sync=True)
    style = traitlets.Unicode().tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    bench = traitlets.Unicode().tag(sync=True)

    def __init__(self, bridge: Bridge) -> None:
        settings = bridge.bench.settings
        super().__init__(sources=sources(), style=style(), page=reachable_page(settings), bench=settings.bench)
        self._bridge = bridge
        self._sockets: dict[str, Socket] = {}
        self._heard_at: dict[str, float] = {}  # client -> monotonic seconds
        self._looking: asyncio.TimerHandle | None = None  # as long as a page is there
        self.on_msg(lambda _, message, __: self._bridge.start(self._taken(message)))

    def __repr__(self) -> str:
        return f"<Modules {self.bench}>"  # traitlets would print every module

    async def _taken(self, message: dict[str, Any]) -> None:
        try:
            await self._take(message)
        except Exception as fault:  # a browser that hears nothing would take the kernel for dead
            if "id" in message:
                what = {"error": f"the bench could not be asked: {fault}", "code": "app.failed", "details": {}}
                self._answer(message, 500, what)

    async def _take(self, message: dict[str, Any]) -> None:
        """Do what a browser asks for. Runs on the bridge's loop, whatever the kernel is busy with."""
        client, kind = str(message.get("client")), message.get("kind")
        self._heard_at[client] = time.monotonic()
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._close_gone)
        match kind:
            case "hello":
                self._answer(message, 200, {})
            case "call":
                self._answer(message, *await self._bridge.call(message["method"], message["path"], message.get("body")))
            case "media":
                self._answer(message, *await self._bridge.media(message["path"]))
            case "text":
                self._answer(message, *await self._bridge.text(message["path"]))
            case "open":
                name = message["socket"]
                heard = partial(self._tell, client, name)
                self._sockets[name] = Socket(self._bridge, heard, partial(self._closed, client, name))
            case "send" if message["socket"] in self._sockets:
                self._sockets[message["socket"]].send(message["text"])
            case "close" if message["socket"] in self._sockets:
                self._sockets[message["socket"]].close()

    def _answer(self, message: dict[str, Any], status: int, answer: Any) -> None:
        self.send(
            {"client": message["client"], "id": message["id"], "kind": "answer", "status": status, "answer": answer}
        )

    def _tell(self, client: str, name: str, text: str) -> None:
        self.send({"client": client, "kind": "message", "socket": name, "text": text})

    def _closed(self, client: str, name: str) -> None:
        if self._sockets.pop(name, None) is not None:
            self.send({"client": client, "kind": "closed", "socket": name})

    def _close_gone(self) -> None:
        """Pages end without a word."""
        long_ago = time.monotonic() - GONE_S
        for client in [client for client, at in self._heard_at.items() if at < long_ago]:
            del self._heard_at[client]
            for name, socket in self._sockets.items():
                if name.startswith(client):
                    socket.close()
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(LOOK_S, self._close_gone) if self._heard_at else None


_of_bench: dict[str, tuple[Bridge, Modules]] = {}


def bridge_of(bench: Bench) -> Bridge:
    """The bridge of this kernel to that bench, made when it is first asked for."""
    return _made(bench)[0]


def modules_of(bench: Bench) -> Modules:
    """The same for the modules."""
    bridge, modules = _made(bench)
    if modules.comm is None:  # somebody closed all widgets
        modules = Modules(bridge)
        _of_bench[_key(bench.settings)] = (bridge, modules)
    return modules


def _made(bench: Bench) -> tuple[Bridge, Modules]:
    key = _key(bench.settings)
    if key not in _of_bench:
        bridge = Bridge(bench)
        _of_bench[key] = (bridge, Modules(bridge))
    return _of_bench[key]


def _key(settings: Settings) -> str:
    return settings.model_dump_json()


def reachable_page(settings: Settings) -> str:
    """The address of the bench's page, if a browser on this machine finds it there now; else ""."""
    page = page_of(settings)
    if not page:
        return ""
    try:  # past any proxy: it is on this machine
        return page if httpx.get(f"{page}/health", timeout=2.0, trust_env=False).is_success else ""
    except httpx.TransportError:
        return ""


@cache
def sources() -> list[tuple[str, str]]:
    """The modules that the entry needs, in the order in which they can be loaded."""
    ordered: dict[str, str] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        own = HERE / name
        text = (own if own.exists() else folder() / name).read_text(encoding="utf-8")
        for other in _IMPORT.findall(text):
            add(other)
        ordered[name] = text

    add(ENTRY)
    return list(ordered.items())


@cache
def style() -> str:
    """The style sheet of the page for one element and what is in it, and what only notebooks need."""
    page = (folder() / "workbench.css").read_text(encoding="utf-8")
    movements = _KEYFRAMES.findall(page)
    page = _KEYFRAMES.sub("", page)
    page = re.sub(r"^:root\b", "&", page, flags=re.MULTILINE)
    page = re.sub(r"^\.dark\b", "&.dark", page, flags=re.MULTILINE)
    own = (HERE / "notebook.css").read_text(encoding="utf-8")
    # Twice the class: JupyterLab has rules for lists, tables and code in any output, and they are not to win.
    return "\n".join([*movements, HIDDEN_PICTURES, ".wb-notebook.wb-notebook {", page, own, "}"])
