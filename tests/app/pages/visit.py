"""One page in a browser, and everything that went wrong in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tests.app.pages.noise import is_noise


class Visit:
    """A page; what its console, its scripts and its requests met is kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._met: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._met.append(f"script: {error.stack or error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def expect(self, *patterns: str) -> None:
        """Troubles that belong to this test, as regular expressions."""
        self._expected += patterns

    def problems(self) -> list[str]:
        """What was met and neither expected nor noise of third parties."""
        unexpected = (one for one in self._met if not any(re.search(pattern, one) for pattern in self._expected))
        return [one for one in unexpected if not is_noise(one)]

    def forget(self) -> None:
        """Begin anew: what was met is told."""
        self._met.clear()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._met.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self._met.append(f"outside host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._met.append(f"status {response.status}: {response.url}")
