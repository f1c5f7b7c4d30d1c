"""URLs of HTTP servers that listen on a Unix socket: ``http+unix://%2Fhome%2Fada%2Fmlflow.sock/prefix``.

The host is the percent-encoded path of the socket, the form that the Docker and Podman clients use. Only the owner can
reach a socket in a folder of mode 0700; a TCP port on loopback has no such protection.
"""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

SCHEME = "http+unix"
HOST = "localhost"  # for the Host header; servers that check the header accept this name


def unix_url(socket_path: Path, prefix: str = "") -> str:
    """The URL of a server on that socket; ``prefix`` is the path of its root."""
    return f"{SCHEME}://{quote(str(socket_path), safe='')}{prefix}"


def socket_of(url: str) -> Path | None:
    """The socket of the URL; None for other URLs."""
    parts = urlsplit(url)
    return Path(unquote(parts.netloc)) if parts.scheme == SCHEME else None


def connection_to(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """A standard-library connection for an http, https or http+unix URL; not opened yet."""
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
