"""An app process for tests: the API without pages, on the port that is named, for the user that a header names.

Who somebody is, is another part's business and tested there; here a header says it.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from workbench.app.identity import LOCAL, Role, User
from workbench.app.role import WEBSOCKET
from workbench.app.server import create_app
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
    app = Introduced(create_app(Bench(load_settings()), pages=False))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="info", access_log=False, **WEBSOCKET)
