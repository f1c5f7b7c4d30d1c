"""The Prometheus metrics of this process. All roles share the registry; this file defines the names and labels.

Labels have few values that are known in advance: services, pools, route templates. Never an id, a user or a path.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterable
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import CONTENT_TYPE_LATEST, ThreadingWSGIServer, generate_latest
from prometheus_client.registry import Collector

log = structlog.get_logger()

CONTENT_TYPE = CONTENT_TYPE_LATEST
PORTS_TRIED = 16  # roles on one machine have the same first port

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(namespace="workbench", registry=REGISTRY)

# -- the app -----------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = Counter("workbench_http_requests", "HTTP requests.", ["method", "route", "status"], registry=REGISTRY)
HTTP_SECONDS = Histogram(
    "workbench_http_request_seconds",
    "Time from a request to the start of its response.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
LIVE_CLIENTS = Gauge("workbench_live_clients", "Open WebSockets.", registry=REGISTRY)
LIVE_JOBS = Gauge("workbench_live_jobs", "Followed jobs.", registry=REGISTRY)
LIVE_UPDATES = Counter("workbench_live_updates", "Updates sent to WebSockets.", registry=REGISTRY)
LIVE_BYTES = Counter("workbench_live_bytes", "Bytes sent to WebSockets.", registry=REGISTRY)
LIVE_CLOSED = Counter("workbench_live_too_slow", "WebSockets closed because they read too slowly.", registry=REGISTRY)
EVENT_SECONDS = Histogram(
    "workbench_live_event_seconds",
    "Time from the writing of an event, by its writer's clock, until it is sent to a watching client.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
UPLOADS = Counter("workbench_uploads", "Uploads by requested kind and outcome.", ["kind", "outcome"], registry=REGISTRY)
UPLOAD_BYTES = Counter("workbench_upload_bytes", "Bytes of accepted uploads.", registry=REGISTRY)

# -- workers and the control plane -------------------------------------------------------------------------------------

TAKES = Counter("workbench_takes", "Segments taken from a queue.", ["pool"], registry=REGISTRY)
COMMITS = Counter("workbench_commits", "Commits by the bus's response.", ["pool", "answer"], registry=REGISTRY)
NODES = Counter(
    "workbench_nodes", "Nodes that ended, by service and outcome.", ["service", "outcome"], registry=REGISTRY
)
NODE_SECONDS = Histogram(
    "workbench_node_seconds",
    "Wall time of computed nodes.",
    ["service"],
    buckets=(0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
    registry=REGISTRY,
)
EVENTS_RECORDED = Counter("workbench_events_recorded", "Events written to SQL.", registry=REGISTRY)


def exposition(*collectors: Collector) -> bytes:
    """The text that Prometheus reads: the metrics of this process, and the current values of the collectors."""
    current = CollectorRegistry()
    for collector in collectors:
        current.register(collector)
    return generate_latest(REGISTRY) + generate_latest(current)


def serve_metrics(port: int, token: str) -> int:
    """Serve the registry on loopback from a thread. Returns the port; 0 if none is configured or free.

    Args:
        port: first port to try; the first free one is used, because the roles of a stack share the setting.
        token: required value of ``Authorization: Bearer``; "" for no check.
    """
    if not port:
        return 0
    if not token:
        log.warning("metrics are served without a token: set WORKBENCH_APP_TOKEN")
    for candidate in range(port, port + PORTS_TRIED):
        try:
            server = make_server("127.0.0.1", candidate, _guarded(token), ThreadingWSGIServer, _Silent)
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        log.info("metrics", url=f"http://127.0.0.1:{candidate}/metrics")
        return candidate
    log.warning("no port for metrics is free", first=port, tried=PORTS_TRIED)
    return 0


def _guarded(token: str) -> WSGIApplication:
    """The registry as a WSGI application with a token check, which prometheus_client does not have."""
    metrics: WSGIApplication = make_wsgi_app(REGISTRY)
    wanted = f"Bearer {token}".encode()

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if token and not hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", "").encode(), wanted):
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Type", "text/plain")])
            return [b"Send the token of `workbench token` as Authorization: Bearer.\n"]
        return metrics(environ, start)

    return answer


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing, because a role's log is about jobs."""
