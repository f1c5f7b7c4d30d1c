"""A real server on a real port, for what a test client lacks: handshakes, header lines, partial bodies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from tests.live import wait_for


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[int]:
    """Serve the app in a thread, like the role; yield the port."""
    options = {"access_log": False, "server_header": False, "log_level": "warning", **options}
    config = uvicorn.Config(app, **options)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_for(lambda: server.started, 20, "the server is up")
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()
