"""URLs of an HTTP server that listens on a Unix socket: ``http+unix://%2Fhome%2Fada%2Fmlflow.sock/prefix``.

The host is the socket's path, percent-encoded: the form that the Docker and Podman clients use. A socket in a folder of
mode 0700 is reached by its owner alone, which no TCP port on loopback is.
"""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

SCHEME = "http+unix"
HOST = "localhost"  # in the Host header; servers that check it know this name


def unix_url(socket_path: Path, prefix: str = "") -> str:
    """The URL of a server on that socket; ``prefix`` is the path below which it answers."""
    return f"{SCHEME}://{quote(str(socket_path), safe='')}{prefix}"


def socket_of(url: str) -> Path | None:
    """The socket that a URL names; None for any other URL."""
    parts = urlsplit(url)
    return Path(unquote(parts.netloc)) if parts.scheme == SCHEME else None


def connection_to(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """A connection of the standard library to the server of an http, https or http+unix URL; not open yet."""
    path, parts = socket_of(url), urlsplit(url)
    if path is not None:
        return _UnixConnection(path, timeout_s)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__(HOST, timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(self._timeout_s)
        try:
            line.connect(str(self._path))
        except OSError:
            line.close()
            raise
        self.sock = line
