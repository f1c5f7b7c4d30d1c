"""The shared parts of all views in a kernel: the modules that draw them, and the channel to the workbench."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import traitlets

from workbench.client.deployment import Deployment
from workbench.client.media.links import probe_link
from workbench.notebook.channel import Channel
from workbench.notebook.display import HIDDEN_STATIC_VIEWS
from workbench.notebook.widgets.reachable import Reachable
from workbench.settings import Settings
from workbench.web import folder, style_sheets
from workbench.web.modules import with_imports

ENTRY = "notebook.js"
HERE = Path(__file__).parent
_KEYFRAMES = re.compile(r"@keyframes [\w-]+ \{(?:[^{}]*\{[^{}]*\})*\s*\}")


class Modules(Reachable):
    """One per kernel and deployment; it has no view itself.

    Attributes:
        sources: (file name, text), each after its imports.
        style: style sheet for the content of ``.wb-notebook``; it does not affect JupyterLab itself.
        page: address of the app's page for links, if a browser may open it. The page does not allow embedding.
        probe: an address below the app that a browser can load if it reaches the app; media then come from there.
    """

    sources = traitlets.List().tag(sync=True)
    style = traitlets.Unicode().tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    probe = traitlets.Unicode().tag(sync=True)
    deployment = traitlets.Unicode().tag(sync=True)

    def __init__(self, channel: Channel) -> None:
        settings = channel.deployment.settings
        probe = probe_link(settings) if settings.app_url else ""
        super().__init__(
            sources=sources(),
            style=style(),
            page=reachable_page(settings),
            probe=settings.app_url.rstrip("/") + probe if probe else "",
            deployment=settings.namespace,
        )
        self.on_msg(lambda _, message, buffers: channel.take(message, buffers, self.send))

    def __repr__(self) -> str:
        return f"<Modules {self.deployment}>"  # traitlets would print every module


_of_settings: dict[str, tuple[Channel, Modules]] = {}


def channel_of(deployment: Deployment) -> Channel:
    """The channel of this kernel to that deployment, created on first use."""
    return _made(deployment)[0]


def modules_of(deployment: Deployment) -> Modules:
    """The modules for that deployment, created on first use."""
    channel, modules = _made(deployment)
    if modules.comm is None:  # all widgets were closed
        modules = Modules(channel)
        _of_settings[deployment.settings.model_dump_json()] = (channel, modules)
    return modules


def _made(deployment: Deployment) -> tuple[Channel, Modules]:
    key = deployment.settings.model_dump_json()
    if key not in _of_settings:
        channel = Channel(deployment)
        _of_settings[key] = (channel, Modules(channel))
    return _of_settings[key]


def reachable_page(settings: Settings) -> str:
    """The address of the app's page if it is on this machine, has no login, and can be opened now; else ""."""
    page = settings.app_url.rstrip("/")
    if urlsplit(page).hostname not in ("localhost", "127.0.0.1", "::1") or settings.login == "required":
        return ""
    try:  # without a proxy, because it is on this machine
        return page if httpx.get(f"{page}/health", timeout=2.0, trust_env=False).is_success else ""
    except httpx.TransportError:
        return ""


@cache
def sources() -> list[tuple[str, str]]:
    """The modules of the entry point, in the order in which they can be loaded."""
    return with_imports(ENTRY, [HERE, folder()])


@cache
def style() -> str:
    """The page's style sheets, scoped to one element, with the rules for notebooks."""
    page = "\n".join(one.read_text(encoding="utf-8") for one in style_sheets())
    movements = _KEYFRAMES.findall(page)
    page = _KEYFRAMES.sub("", page)
    page = re.sub(r"^:root\b", "&", page, flags=re.MULTILINE)
    page = re.sub(r"^\.dark\b", "&.dark", page, flags=re.MULTILINE)
    own = (HERE / "notebook.css").read_text(encoding="utf-8")
    # The class is doubled to override JupyterLab's rules for lists, tables and code in outputs.
    return "\n".join([*movements, HIDDEN_STATIC_VIEWS, ".wb-notebook.wb-notebook {", page, own, "}"])
