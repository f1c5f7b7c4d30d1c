"""A page in a browser, with the problems that it reports."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tests.app.pages.noise import is_noise


class Visit:
    """A page that records the problems of its console, its scripts and its requests."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._met: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._met.append(f"script: {error.stack or error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def expect(self, *patterns: str) -> None:
        """Declare problems that this test causes, as regular expressions."""
        self._expected += patterns

    def problems(self) -> list[str]:
        """The problems that are neither expected nor noise of third parties."""
        unexpected = (one for one in self._met if not any(re.search(pattern, one) for pattern in self._expected))
        return [one for one in unexpected if not is_noise(one)]

    def forget(self) -> None:
        """Discard the problems so far."""
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
