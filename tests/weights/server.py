"""A file server on loopback whose faults are scripted: it breaks off, lies, stalls, refuses, redirects."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Fault:
    """How one answer differs from a right one."""

    status: int = 0  # answer with this and nothing else
    headers: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None  # bytes of the body, then the connection is closed
    stall_after: int | None = None  # bytes of the body, then silence
    content: bytes | None = None  # these bytes instead, under the same ETag
    whole: bool = False  # ignore Range
    slow_s: float = 0.0  # a pause after each step
    step: int = 16_384


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]


class FileServer:
    """Serves bytes by path. Use as a context manager.

    Attributes:
        files: content by path.
        etags: by path; missing: from the content. "" sends none.
        faults: what goes wrong, one after the other, by path; then the answers are right.
        always: what always goes wrong.
        seen: all requests.
        most_at_once: the highest number of requests that were answered at the same time.
        connections: the clients' ports.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.seen: list[Seen] = []
        self.at_once = self.most_at_once = 0
        self.connections: set[int] = set()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        handler = type("Handler", (_Handler,), {"of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def etag(self, path: str) -> str:
        return self.etags.get(path, f'"{hash(self.files[path]) & 0xFFFFFFFF:x}"')

    def gets(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.method == "GET" and one.path == path]

    def ranges(self, path: str) -> list[str]:
        return [one.headers.get("range", "") for one in self.gets(path)]


class _Handler(BaseHTTPRequestHandler):
    of: FileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer(Fault())

    def do_GET(self) -> None:
        with self.of.lock:
            waiting = self.of.faults[self.path]
            fault = waiting.pop(0) if waiting else self.of.always.get(self.path, Fault())
            self.of.at_once += 1
            self.of.most_at_once = max(self.of.most_at_once, self.of.at_once)
        try:
            self._answer(fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with self.of.lock:
                self.of.at_once -= 1

    def _answer(self, fault: Fault) -> None:
        server = self.of
        with server.lock:
            server.connections.add(self.client_address[1])
            server.seen.append(
                Seen(self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
            )
        if fault.status or self.path not in server.files:
            self.send_response(fault.status or 404)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = server.files[self.path] if fault.content is None else fault.content
        etag = server.etag(self.path)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        version = self.headers.get("If-Range")
        body = content
        if asked and not fault.whole and version in (None, etag):
            start, end = int(asked[1]), min(int(asked[2]) + 1, len(content))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = content[start:end]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, fault)

    def _send(self, body: bytes, fault: Fault) -> None:
        stops = [after for after in (fault.break_after, fault.stall_after) if after is not None]
        shown = body[: min(stops)] if stops else body
        step = fault.step if fault.slow_s else len(shown) or 1
        for at in range(0, len(shown), step):
            self.wfile.write(shown[at : at + step])
            self.wfile.flush()
            time.sleep(fault.slow_s)
        if fault.stall_after is not None:
            self.of.ended.wait(20)
        if stops:
            self.close_connection = True
