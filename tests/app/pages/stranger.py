"""Another account of this machine: an unprivileged process that tries every port of a stack.

    python -m tests.app.pages.stranger <<< '{"places": ["7860", "/tmp/x.sock"], "paths": ["/"], "headers": {},
        "protocols": true}'

It starts as root, drops its privileges permanently, tries every port, and prints the answers:
``[{"where", "asked", "status", "text"}]``. The status is the HTTP status, 0 without an answer or after a reset, or 1
for an answer in another protocol.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 (the resolver needs it later, when root's files are no longer readable)
import http.client
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

NOBODY = 65534
PATIENCE_S = 3.0
MOST_BYTES = 200_000
# The start of every HTTP/2 connection, including gRPC: the preface and an empty SETTINGS frame.
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4
REDIS = ("PING", "INFO", "KEYS *", "CONFIG GET *")

Answer = tuple[int, str]
Line = Callable[[], socket.socket]


def tried(where: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Try all protocols on one port or socket; yield the answers."""
    line = partial(of_port, int(where)) if where.isdigit() else partial(of_path, where)
    for path in given["paths"]:
        yield told(where, f"GET {path}", partial(get, line, path, where, given["headers"]))
    if not given["protocols"]:
        return
    for words in REDIS:
        yield told(where, words, partial(redis, line, words))
    yield told(where, "gRPC", partial(grpc, line))
    yield told(where, "gRPC over TLS", partial(grpc, lambda: in_tls(line())))


def told(where: str, asked: str, ask: Callable[[], Answer]) -> dict[str, Any]:
    try:
        status, text = ask()
    except (OSError, http.client.HTTPException) as refusal:
        status, text = 0, f"{type(refusal).__name__}: {refusal}"
    return {"where": where, "asked": asked, "status": status, "text": text}


def get(line: Line, path: str, where: str, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(f"127.0.0.1:{where}" if where.isdigit() else "127.0.0.1")
    connection.sock = line()
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, f"{answer.getheaders()}\n{answer.read(MOST_BYTES).decode(errors='replace')}"


def redis(line: Line, words: str) -> Answer:
    """Try a Redis command."""
    with line() as to:
        to.sendall(f"{words}\r\n".encode())
        said = to.recv(MOST_BYTES).decode(errors="replace")
    return int(said[:1] in ("+", "$", "*", ":")), said


def grpc(line: Line) -> Answer:
    """Try an HTTP/2 handshake: gRPC requires nothing else before a call."""
    with line() as to:
        to.sendall(HTTP2)
        said = to.recv(MOST_BYTES)
    return int(len(said) >= 9 and said[3] == SETTINGS), said.decode(errors="replace")


def in_tls(line: socket.socket) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        return context.wrap_socket(line)
    except OSError:
        line.close()
        raise


def of_port(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def of_path(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(PATIENCE_S)
    try:
        line.connect(path)
    except OSError:
        line.close()
        raise
    return line


def main() -> None:
    given = json.load(sys.stdin)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with ThreadPoolExecutor(32) as threads:  # waiting for silent servers takes time
        answers = threads.map(lambda where: list(tried(where, given)), given["places"])
        json.dump([one for of_place in answers for one in of_place], sys.stdout)


if __name__ == "__main__":
    main()
