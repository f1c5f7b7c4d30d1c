"""An app process for tests: the API without pages, on a given port.

It has shorter timeouts, fewer jobs per socket and smaller kernel buffers than the real app, so that tests
reach these limits in seconds.

``guarded``: behind the real guard, which requires ``TOKEN``. Otherwise a header names the user.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn

from tests.app.named import Named
from workbench.app.api import live
from workbench.app.request_metrics import RequestMetrics
from workbench.app.role import WEBSOCKET
from workbench.app.server import create_app, guarded_app
from workbench.client.deployment import Deployment
from workbench.client.live import watcher
from workbench.settings import load_settings

TOKEN = "the-token-of-guarded-apps-in-tests"
MAX_SUBSCRIPTIONS = 40  # per socket
SEND_BUFFER_BYTES = 65_536

if __name__ == "__main__":
    live.TOO_SLOW_S, watcher.HEARTBEAT_EVERY_S, watcher.MAX_SUBSCRIPTIONS = 3.0, 4.0, MAX_SUBSCRIPTIONS
    deployment, port = Deployment(load_settings(app_token=TOKEN)), int(sys.argv[1])
    app: Any
    if sys.argv[2:] == ["guarded"]:
        app = guarded_app(deployment, "127.0.0.1", port, pages=False)
    else:
        open_app = create_app(deployment, pages=False)
        open_app.add_middleware(RequestMetrics)  # as guarded_app does
        app = Named(open_app)
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # connections inherit it
        config = uvicorn.Config(app, log_level="info", access_log=False, **WEBSOCKET)
        uvicorn.Server(config).run(sockets=[listening])
