"""urllib3 over a Unix socket: a pool whose connections go to a path instead of a host and port."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from urllib3 import HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from workbench.unix_url import HOST


class _UnixConnection(HTTPConnection):
    def __init__(self, *args: Any, socket_path: Path, **named: Any) -> None:
        super().__init__(*args, **named)
        self._socket_path = socket_path

    def _new_conn(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
        try:
            line.connect(str(self._socket_path))
        except TimeoutError as fault:
            line.close()
            raise ConnectTimeoutError(self, f"{self._socket_path} does not accept a connection") from fault
        except OSError as fault:
            line.close()
            raise NewConnectionError(self, f"{self._socket_path}: {fault.strerror or fault}") from fault
        return line


class UnixPool(HTTPConnectionPool):
    """Kept-alive connections to the HTTP server on one Unix socket. Thread-safe."""

    ConnectionCls = _UnixConnection

    def __init__(self, socket_path: Path, *, maxsize: int, timeout: Timeout) -> None:
        super().__init__(HOST, maxsize=maxsize, timeout=timeout, retries=False, socket_path=socket_path)
