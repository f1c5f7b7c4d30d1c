"""Metrics of the whole deployment, measured when they are read: queues, workers, jobs, dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as TooLate
from typing import Any

import orjson
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.status import JobStatus, Plane
from workbench.bus.bus import Bus
from workbench.bus.keys import LANES
from workbench.client.deployment import Deployment
from workbench.client.shared_queries import SharedQueries
from workbench.engine.cut import pool_name
from workbench.store.dead_letters import DeadLetters

log = structlog.get_logger()
WITHIN_S = 1.5


class DeploymentCollector(Collector):
    """Queries the bus and SQL in parallel. A part that does not answer in time has ``workbench_up 0`` and no metrics.

    A query that hangs is not repeated before it returns.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._bus = Bus(deployment.settings.bus_url, deployment.settings.namespace, timeout_s=1.0)
        self._queries: SharedQueries[list[Metric]] = SharedQueries(("bus", "sql"), "metrics")

    def describe(self) -> Iterable[Metric]:
        """Empty, because registration must not query the deployment."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Blocks for 1.5 seconds at most."""
        up = GaugeMetricFamily("workbench_up", "Whether the part answered.", labels=["part"])
        queries: dict[str, Callable[[], list[Metric]]] = {"bus": self._of_bus, "sql": self._of_sql}
        asked = {part: self._queries.ask(part, query) for part, query in queries.items()}
        for part, answer in asked.items():
            try:
                metrics = answer.result(WITHIN_S)
            except TooLate:
                metrics = []
            except Exception as error:
                log.info("no metrics", part=part, error=str(error))
                metrics = []
            up.add_metric([part], 1.0 if metrics else 0.0)
            yield from metrics
        yield up

    def _of_bus(self) -> list[Metric]:
        queues = self._bus.queues
        depth = GaugeMetricFamily("workbench_queue_depth", "Segments that wait.", labels=["pool", "lane"])
        oldest = GaugeMetricFamily("workbench_queue_oldest_seconds", "Age of the oldest.", labels=["pool"])
        workers = GaugeMetricFamily("workbench_workers", "Workers that are up.", labels=["pool"])
        outbox = GaugeMetricFamily("workbench_outbox_events", "Events that SQL has not confirmed.")
        epoch = GaugeMetricFamily("workbench_epoch", "Rises when the bus has lost memory.")
        pools = queues.pools()
        ages = queues.oldest_entries()
        for pool in pools:
            for lane in LANES:
                depth.add_metric([pool, lane], queues.depth(pool, lane))
            oldest.add_metric([pool], ages.get(pool, 0.0))
        manifests: list[dict[str, Any]] = [orjson.loads(raw) for raw in queues.workers().values()]
        up = Counter(pool_name(Plane(manifest["plane"]), manifest["pool"]) for manifest in manifests)
        for pool in sorted({*pools, *up}):
            workers.add_metric([pool], up[pool])
        outbox.add_metric([], queues.outbox_length())
        epoch.add_metric([], float(self._bus.marker().epoch))
        return [depth, oldest, workers, outbox, epoch]

    def _of_sql(self) -> list[Metric]:
        jobs = GaugeMetricFamily("workbench_jobs", "Jobs in the record.", labels=["status"])
        letters = GaugeMetricFamily("workbench_dead_letters", "Nodes that were given up.")
        counts = self._deployment.store.count_by_status()
        for status in JobStatus:
            jobs.add_metric([status.value], counts.get(status.value, 0))
        letters.add_metric([], DeadLetters(self._deployment.store.database).count())
        return [jobs, letters]
