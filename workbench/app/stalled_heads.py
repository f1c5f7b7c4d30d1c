"""Ends connections that do not complete the head of a request: uvicorn waits for it without a limit."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.app.access.body import SILENCE_S


class PromptProtocol(H11Protocol):
    """HTTP/1.1 with a limit on the time from the first byte of a request, or the connection, to the end of its head."""

    silence_s = SILENCE_S
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._due = self.loop.call_later(self.silence_s, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._incomplete():
            self._stop()
        elif self._due is None:
            self._due = self.loop.call_later(self.silence_s, self._end)

    def _incomplete(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _stop(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _end(self) -> None:
        self._due = None
        # After a handshake, the connection belongs to a WebSocket. Between two requests, uvicorn's own limit applies.
        if self._incomplete() and self.transport.get_protocol() is self and not self.transport.is_closing():
            self.transport.close()
