"""An app process for tests: the API without pages, on the port that is named.

It is less patient than the real one, so that what waits for its patience to end waits for seconds.

``guarded``: behind the real guard, which asks for ``TOKEN``. Without it a header says who asks.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from tests.app.named import Named
from workbench.app.api import live
from workbench.app.measured import Measured
from workbench.app.role import WEBSOCKET
from workbench.app.server import create_app, guarded_app
from workbench.client.bench import Bench
from workbench.client.live import watcher
from workbench.settings import load_settings

TOKEN = "the-token-of-guarded-apps-in-tests"

if __name__ == "__main__":
    live.TOO_SLOW_S, watcher.HEARTBEAT_EVERY_S = 3.0, 4.0
    bench, port = Bench(load_settings(app_token=TOKEN)), int(sys.argv[1])
    app: Any
    if sys.argv[2:] == ["guarded"]:
        app = guarded_app(bench, "127.0.0.1", port, pages=False)
    else:
        open_app = create_app(bench, pages=False)
        open_app.add_middleware(Measured)  # as guarded_app does
        app = Named(open_app)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="info", access_log=False, **WEBSOCKET)
