"""A TCP proxy with switchable faults: it runs in front of a real server, and faults can start mid-connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from workbench.unix_url import socket_of

CHUNK_BYTES = 1 << 16
LOOK_EVERY_S = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Kind(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"  # every connection is reset, including open ones
    HANG = "hang"  # connections are accepted but no data passes; it arrives when the fault ends
    SLOW = "slow"  # each response is delayed
    ERROR = "error"  # HTTP: each request gets an error response and does not reach the server
    CUT = "cut"  # a connection is reset after this many bytes to the server
    DEAF = "deaf"  # requests reach the server, but its responses are dropped


@dataclass(frozen=True)
class Fault:
    kind: Kind = Kind.PASS
    delay_s: float = 0.0  # of SLOW
    status: int = 503  # of ERROR
    after_bytes: int = 0  # of CUT


class Proxy:
    """A proxy between clients and one server. ``hits`` counts how often the current fault took effect.

    Args:
        url: of the server, http://host:port, redis://…@host:port or http+unix://socket; ``self.url`` is the same with
            the proxy's address.
        host: address to listen on.
    """

    def __init__(self, url: str, host: str = "127.0.0.1") -> None:
        head, _, address = url.rpartition("//")
        login, at, address = address.rpartition("@")
        address, slash, rest = address.partition("/")
        name, _, port = address.partition(":")
        path = socket_of(url)
        self._target: Path | tuple[str, int] = path or (name, int(port))
        head = "http:" if path else head
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{head}//{login}{at}{host}:{self.port}{slash}{rest}"
        self.hits = 0
        self.connections = 0  # accepted so far, including closed ones
        self._fault = Fault()
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fault(self) -> Fault:
        return self._fault

    def set(self, fault: Fault) -> None:
        """Switch to this fault and reset ``hits``."""
        with self._lock:
            self._fault, self.hits = fault, 0
            links = list(self._links) if fault.kind is Kind.REFUSE else []
        for link in links:
            self.hit()
            link.reset()

    @contextlib.contextmanager
    def failing(self, kind: Kind, *, delay_s: float = 0.0, status: int = 503, after_bytes: int = 0) -> Iterator[None]:
        """Apply the fault for the duration of the block. ``hits`` can still be read afterwards."""
        self.set(Fault(kind, delay_s, status, after_bytes))
        try:
            yield
        finally:
            with self._lock:
                self._fault = Fault()

    def hit(self) -> None:
        with self._lock:
            self.hits += 1

    def close(self) -> None:
        self._closed.set()
        _reset(self._listener)  # wakes its thread
        self._listener.close()
        with self._lock:
            links = list(self._links)
        for link in links:
            link.reset()

    def pause(self, seconds: float, fault: Fault) -> None:
        """Wait, but no longer than the fault lasts."""
        until = time.monotonic() + seconds
        while self._fault is fault and time.monotonic() < until and not self._closed.is_set():
            time.sleep(LOOK_EVERY_S)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._fault.kind is Kind.REFUSE:
                self.hit()
                _reset(client)
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), name="proxy-link", daemon=True).start()

    def _connected(self) -> socket.socket:
        if isinstance(self._target, Path):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._target))
        else:
            server = socket.create_connection(self._target, timeout=10)
            server.settimeout(None)
        return server

    def _carry(self, client: socket.socket) -> None:
        try:
            server = self._connected()
        except OSError:
            _reset(client)
            client.close()
            return
        link = _Link(self, client, server)
        with self._lock:
            self._links.add(link)
        back = threading.Thread(target=link.answers, name="proxy-back", daemon=True)
        back.start()
        link.requests()
        back.join()
        with self._lock:
            self._links.discard(link)
        for end in (client, server):
            end.close()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.server = server
        self._asked = False  # a request to the server has no response yet
        self._counted: tuple[Fault | None, int] = (None, 0)  # bytes sent during that fault

    def reset(self) -> None:
        for end in (self.client, self.server):
            _reset(end)

    def requests(self) -> None:
        """Client to server."""
        try:
            while data := self.client.recv(CHUNK_BYTES):
                data = self._struck(data)
                if not data:
                    return
                self._asked = True
                self.server.sendall(data)
            self.server.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def answers(self) -> None:
        """Server to client."""
        try:
            while data := self.server.recv(CHUNK_BYTES):
                fault = self.proxy.fault
                if fault.kind is Kind.HANG:
                    self._hang(fault)
                if fault.kind is Kind.SLOW and self._asked:
                    self.proxy.hit()
                    self.proxy.pause(fault.delay_s, fault)
                if fault.kind in (Kind.DEAF, Kind.REFUSE):
                    self.proxy.hit()
                    self.reset()
                    return
                self._asked = False
                self.client.sendall(data)
            self.client.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def _struck(self, data: bytes) -> bytes:
        """The part of the data that the current fault lets through to the server; empty if the link was cut."""
        fault = self.proxy.fault
        if fault.kind is Kind.HANG:
            self._hang(fault)
        elif fault.kind is Kind.REFUSE:
            self.reset()
            return b""
        elif fault.kind is Kind.ERROR:
            self.proxy.hit()
            self._answer_error(fault.status)
            return b""
        elif fault.kind is Kind.CUT:
            known, sent = self._counted
            sent = sent if known is fault else 0
            room = fault.after_bytes - sent
            self._counted = (fault, sent + len(data))
            if len(data) > room:
                self.proxy.hit()
                self.server.sendall(data[:room])
                self.reset()
                return b""
        return data

    def _hang(self, fault: Fault) -> None:
        self.proxy.hit()
        self.proxy.pause(float("inf"), fault)

    def _answer_error(self, status: int) -> None:
        head = f"HTTP/1.1 {status} Injected Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.client.sendall(head.encode())
        self.client.shutdown(socket.SHUT_WR)
        # Read the rest of the request. Otherwise the kernel sends a reset and the client may never see the status.
        self.client.settimeout(1.0)
        with contextlib.suppress(OSError):
            while self.client.recv(CHUNK_BYTES):
                pass
        _reset(self.server)


def _reset(end: socket.socket) -> None:
    """Break a connection like a crashing peer; a thread that reads from it wakes up and closes it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RDWR)
