"""The pipelines as a page shows them: inputs, nodes with the schemas of their forms, and whether workers run them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from nodes.info.merge_capabilities import without_worker
from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import PipelineEntry, PipelineNode
from schemas.capability import ServiceManifest, WorkerManifest
from schemas.graph import Graph
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.client.deployment import Deployment
from workbench.client.estimate import Estimate
from workbench.client.presets import presets_of
from workbench.engine.provided_services import SHOWN
from workbench.pipelines.registry import find_pipeline, listed
from workbench.pipelines.sdk import Pipeline
from workbench.pipelines.sdk.building import placeholder_graph
from workbench.store.typical import typical_seconds


@dataclass(frozen=True)
class AnnouncedServices:
    """The services of all workers that are up, as they announced them.

    Attributes:
        bus_error: why the announcements could not be read; empty if they were.
    """

    workers: tuple[WorkerManifest, ...]
    bus_error: str = ""

    def reason(self, wanted: ServiceManifest) -> str:
        """Why no worker provides the service in this version with this code; empty if a worker does.

        Weights and packages are not compared, because a job uses those of the workers.
        """
        if self.bus_error:
            return self.bus_error
        lacking: list[str] = []
        seen = [item for worker in self.workers for item in worker.services if item.service == wanted.service]
        for item in seen:
            same = (item.version, item.code, item.plane) == (wanted.version, wanted.code, wanted.plane)
            if item.available and same:
                lacking.append(item.missing_models)
        if lacking:
            return min(lacking, key=len)  # empty if one worker has what it needs
        if seen and not any(item.available for item in seen):
            return seen[0].missing
        if wanted.missing and not wanted.code:  # this server cannot compute the code of its own version
            return wanted.missing
        if seen:
            has, wants = [f"version {one.version}, code {one.code[:SHOWN] or 'none'}" for one in (seen[0], wanted)]
            return f"the workers have {has}, and this server has {wants}: restart the older one"
        return without_worker(wanted)


def announced_services(deployment: Deployment) -> AnnouncedServices:
    """Blocks for 1.5 seconds at most. An unreachable bus is reported in the result."""
    try:
        return AnnouncedServices(tuple(worker_manifests(deployment.quick_bus)))
    except BUS_UNREACHABLE as error:
        return AnnouncedServices((), f"the bus does not answer: {error}")


def worker_manifests(bus: Bus) -> list[WorkerManifest]:
    """The manifests of the workers that are up. Raises BUS_UNREACHABLE."""
    return [WorkerManifest.model_validate_json(raw) for raw in bus.queues.workers().values()]


def describe_pipelines(deployment: Deployment, owner: str) -> list[PipelineEntry]:
    """All pipelines that a user can choose, with the presets of that owner."""
    offers = announced_services(deployment)
    declared = {item.service: item for item in manifests(services())}
    return [_describe(deployment, pipeline, offers, declared, owner) for pipeline in listed()]


def describe_pipeline(deployment: Deployment, name: str, owner: str) -> PipelineEntry:
    """One pipeline, listed or not. Raises WorkbenchError (pipeline.unknown)."""
    declared = {item.service: item for item in manifests(services())}
    return _describe(deployment, find_pipeline(name), announced_services(deployment), declared, owner)


def typical_pipeline_seconds(deployment: Deployment, graph: Graph) -> float | None:
    """Expected seconds along the longest path, based on past runs; None if there are none."""
    typical = typical_seconds(deployment.store.database, {node.service for node in graph.nodes})
    seconds = Estimate.of(graph, typical).seconds_left()
    return None if seconds is None else round(seconds, 1)


def experiments(deployment: Deployment, owner: str, sees_all: bool) -> list[str]:
    """Names of the experiments with jobs that the user may see."""
    return list(deployment.store.experiments(None if sees_all else owner))


def _describe(
    deployment: Deployment,
    pipeline: Pipeline,
    offers: AnnouncedServices,
    declared: dict[str, ServiceManifest],
    owner: str,
) -> PipelineEntry:
    graph = placeholder_graph(pipeline)
    drawn = {node.id: node for node in graph.nodes}
    nodes = []
    for step in pipeline.steps:
        manifest = declared[step.service]
        reason = offers.reason(manifest)
        params = drawn[step.id].params if step.id in drawn else {}
        nodes.append(
            PipelineNode(
                id=step.id,
                name=step.name,
                service=step.service,
                version=manifest.version,
                plane=manifest.plane.value,
                pool=manifest.pool,
                optional=step.optional,
                doc=manifest.doc,
                params=_without(manifest.params, step.from_inputs),
                preset={name: value for name, value in params.items() if name not in step.from_inputs},
                offered=not reason,
                reason=reason,
            )
        )
    missing = [node for node in nodes if not node.offered and not node.optional and node.id in drawn]
    return PipelineEntry(
        **dict(pipeline.view()),
        nodes=nodes,
        offered=not missing,
        reason="; ".join(f"{node.name}: {node.reason}" for node in missing[:3]),
        typical_seconds=typical_pipeline_seconds(deployment, graph),
        presets=presets_of(deployment, pipeline.name, owner),
    )


def _without(schema: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The schema of parameters without the given names."""
    return {**schema, "properties": {n: one for n, one in schema.get("properties", {}).items() if n not in names}}
