"""The unit, direction and meaning of recorded metrics, as the services declare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nodes.registry import services
from schemas.job import NodeRecord
from schemas.metric import Metric
from workbench.client.deployment import Deployment
from workbench.client.describe import announced_services

JOB_TIMES = {
    "compute_seconds": Metric(name="compute_seconds", unit="s", better="lower", meaning="Time in which its nodes ran."),
    "first_frame_seconds": Metric(
        name="first_frame_seconds",
        unit="s",
        better="lower",
        meaning="Time from the start until the first frames could be played.",
    ),
    "waiting_seconds": Metric(
        name="waiting_seconds", unit="s", better="lower", meaning="Time in which no node ran, such as in the queue."
    ),
}


def declared(service: str) -> dict[str, Metric]:
    """The metrics of a service that is installed here; empty for others."""
    found = services().get(service)
    return {metric.name: metric for metric in found.metrics} if found else {}


def of_name(name: str) -> Metric | None:
    """A metric by its own name, of whichever installed service declares it; also the times of a job."""
    found = (own for declaration in services().values() for own in declaration.metrics if own.name == name)
    return JOB_TIMES.get(name) or next(found, None)


def by_dotted_name(found: Mapping[str, Mapping[str, Metric]]) -> dict[str, Metric]:
    """{node: {name: metric}} -> {node.name: metric}"""
    return {f"{node}.{name}": metric for node, own in found.items() for name, metric in own.items()}


def _measures_steps(service: str) -> bool:
    return any(metric.series for metric in declared(service).values())


def meanings(deployment: Deployment, nodes: Iterable[NodeRecord]) -> dict[str, dict[str, Metric]]:
    """{node: {name: metric}} for the recorded metrics of a job that a service declares, here or on a worker; also for
    the metrics over steps that a node may still record.

    Asks the workers only if a service with metrics is not installed here. Blocks for 1.5 seconds at most.
    """
    recorded = {node.id: node for node in nodes if node.metrics or node.series or _measures_steps(node.service)}
    elsewhere: dict[str, dict[str, Metric]] = {}
    if any(node.service not in services() for node in recorded.values()):
        for worker in announced_services(deployment).workers:
            for manifest in worker.services:
                elsewhere.setdefault(manifest.service, {metric.name: metric for metric in manifest.metrics})
    found = {}
    for node_id, node in recorded.items():
        known = declared(node.service) or elsewhere.get(node.service, {})
        found[node_id] = {
            name: metric
            for name, metric in known.items()
            if metric.series or name in node.metrics or name in node.series
        }
    return {node_id: own for node_id, own in found.items() if own}
