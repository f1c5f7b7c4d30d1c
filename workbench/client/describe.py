"""The pipelines as a page shows them: inputs, nodes with the schema of their form, and whether workers offer them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import PipelineEntry, PipelineNode
from schemas.capability import ServiceManifest, WorkerManifest
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.status import JobStatus
from workbench.bus.connection import BUS_AWAY
from workbench.client.deployment import Deployment
from workbench.client.estimate import Estimate
from workbench.client.presets import presets_of
from workbench.engine.offers import SHOWN
from workbench.pipelines.registry import find_pipeline, listed
from workbench.pipelines.sdk import Pipeline
from workbench.pipelines.sdk.building import specimen
from workbench.store.typical import typical_seconds


@dataclass(frozen=True)
class Offers:
    """What the workers that are up offer, as they announced it.

    Attributes:
        away: why nothing is known of them; empty where it is.
    """

    workers: tuple[WorkerManifest, ...]
    away: str = ""

    def reason(self, wanted: ServiceManifest) -> str:
        """Why nobody offers the service in this version with this code; empty where somebody does.

        Of weights and packages a job takes what the workers have.
        """
        if self.away:
            return self.away
        seen = [item for worker in self.workers for item in worker.services if item.service == wanted.service]
        for item in seen:
            same = (item.version, item.code, item.plane) == (wanted.version, wanted.code, wanted.plane)
            if item.available and same:
                return ""
        if seen and not any(item.available for item in seen):
            return seen[0].missing
        if wanted.missing and not wanted.code:  # this server cannot say what it would ask for
            return wanted.missing
        if seen:
            has, wants = [f"version {one.version}, code {one.code[:SHOWN] or 'none'}" for one in (seen[0], wanted)]
            return f"the workers have {has}, and this server has {wants}: restart the older one"
        return f"no worker of the {wanted.plane.value} plane serves the pool {wanted.pool}"


def offers_now(deployment: Deployment) -> Offers:
    """Blocks for a second and a half at most: a bus that is away is an answer too."""
    try:
        raw = deployment.quick_bus.queues.workers().values()
    except BUS_AWAY as error:
        return Offers((), f"the bus does not answer: {error}")
    return Offers(tuple(WorkerManifest.model_validate(orjson.loads(manifest)) for manifest in raw))


def describe_pipelines(deployment: Deployment, owner: str) -> list[PipelineEntry]:
    """Every pipeline a person can choose, with the presets of that owner."""
    offers = offers_now(deployment)
    declared = {item.service: item for item in manifests(services())}
    return [_describe(deployment, pipeline, offers, declared, owner) for pipeline in listed()]


def describe_pipeline(deployment: Deployment, name: str, owner: str) -> PipelineEntry:
    """One pipeline, whether it is listed or not. Raises WorkbenchError (pipeline.unknown)."""
    declared = {item.service: item for item in manifests(services())}
    return _describe(deployment, find_pipeline(name), offers_now(deployment), declared, owner)


def typical_pipeline_seconds(deployment: Deployment, graph: Graph) -> float | None:
    """Expected seconds along the longest path, from past runs; None while nothing is known."""
    typical = typical_seconds(deployment.store.database, {node.service for node in graph.nodes})
    record = JobRecord(id="-", status=JobStatus.ACCEPTED, graph=graph, graph_hash="")
    seconds = Estimate.of(record, typical).seconds_left()
    return None if seconds is None else round(seconds, 1)


def experiments(deployment: Deployment, owner: str, sees_all: bool) -> list[str]:
    """Names of the experiments in which jobs that a user may see are recorded."""
    return list(deployment.store.experiments(None if sees_all else owner))


def _describe(
    deployment: Deployment, pipeline: Pipeline, offers: Offers, declared: dict[str, ServiceManifest], owner: str
) -> PipelineEntry:
    graph = specimen(pipeline)
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
    """The schema of parameters without some of them."""
    return {**schema, "properties": {n: one for n, one in schema.get("properties", {}).items() if n not in names}}
