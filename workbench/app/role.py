"""The app role: one HTTP server for the pages and the API."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from workbench.app.access.policy import check_address
from workbench.client.deployment import Deployment
from workbench.settings import Settings

# Pings detect a lost peer within 45 s; app/api/live.py detects a peer that reads nothing before that. Compression of
# small updates costs more than it saves: memory for each client, and most of the time of an update.
WEBSOCKET: dict[str, Any] = {
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 15.0,
    "ws_ping_timeout": 30.0,
    "ws_per_message_deflate": False,
}


def serve(settings: Settings, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. Blocks; main thread only. Calls ``ready`` when the port accepts requests.

    Raises WorkbenchError (access.no_user) for an address that others can reach while there are no users.
    """
    # Gradio reads these on import. They keep it from contacting other hosts.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.home / "gradio"))

    deployment = Deployment(settings)
    check_address(deployment, host)

    import uvicorn

    from workbench.app.server import guarded_app
    from workbench.app.stalled_heads import PromptProtocol

    server = uvicorn.Server(
        uvicorn.Config(
            guarded_app(deployment, host, port),
            host=host,
            port=port,
            http=PromptProtocol,
            # At debug level the WebSocket library logs all headers, including cookies and tokens.
            log_level="info" if settings.log_level == "debug" else settings.log_level,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            **WEBSOCKET,
        )
    )

    def announce() -> None:
        while not server.started and not server.should_exit:
            waited.wait(0.02)
        if server.started:
            ready()
            deployment.inspector.warm()

    waited = threading.Event()
    threading.Thread(target=announce, daemon=True).start()
    try:
        server.run()
    finally:
        deployment.close()
