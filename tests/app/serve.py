"""An app process for tests: the API without pages, on the port that is named.

``guarded``: behind the real guard, where on loopback everybody is the local admin. Without it a header says who asks.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from workbench.app.identity import LOCAL, Role, User
from workbench.app.measured import Measured
from workbench.app.role import WEBSOCKET
from workbench.app.server import create_app, guarded_app
from workbench.client.bench import Bench
from workbench.settings import load_settings


class Introduced:
    """``X-User: name/role`` is the user; without it the local admin."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            named = dict(scope["headers"]).get(b"x-user", b"").decode()
            name, _, role = named.partition("/")
            scope.setdefault("state", {})["user"] = User(name, Role(role)) if name else LOCAL
        await self.app(scope, receive, send)


if __name__ == "__main__":
    bench, port = Bench(load_settings()), int(sys.argv[1])
    app: Any
    if sys.argv[2:] == ["guarded"]:
        app = guarded_app(bench, "127.0.0.1", port, pages=False)
    else:
        open_app = create_app(bench, pages=False)
        open_app.add_middleware(Measured)  # as guarded_app does
        app = Introduced(open_app)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="info", access_log=False, **WEBSOCKET)
