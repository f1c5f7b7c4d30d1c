"""The pipelines as a page shows them: options, nodes with the schema of their form, and whether workers offer them."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import OptionUse, PipelineEntry, PipelineNode, Uses
from schemas.capability import ServiceManifest, WorkerManifest
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.status import JobStatus
from workbench.bus.connection import BUS_AWAY
from workbench.client.bench import Bench
from workbench.client.estimate import Estimate
from workbench.client.presets import presets_of
from workbench.client.specimen import specimen
from workbench.store.typical import typical_seconds
from workbench.workflows import PIPELINES, Pipeline


@dataclass(frozen=True)
class Offers:
    """What the workers that are up offer, as they announced it.

    Attributes:
        away: why nothing is known of them; empty where it is.
    """

    workers: tuple[WorkerManifest, ...]
    away: str = ""

    def reason(self, wanted: ServiceManifest) -> str:
        """Why nobody offers the service in this version; empty where somebody does."""
        if self.away:
            return self.away
        seen = [item for worker in self.workers for item in worker.services if item.service == wanted.service]
        for item in seen:
            if item.available and (item.version, item.plane) == (wanted.version, wanted.plane):
                return ""
        if seen and not any(item.available for item in seen):
            return seen[0].missing
        if seen:
            return f"the workers have version {seen[0].version}, and this server has {wanted.version}"
        return f"no worker of the {wanted.plane.value} plane serves the pool {wanted.pool}"


def offers_now(bench: Bench) -> Offers:
    """Blocks for a second and a half at most: a bus that is away is an answer too."""
    try:
        raw = bench.quick_bus.queues.workers().values()
    except BUS_AWAY as error:
        return Offers((), f"the bus does not answer: {error}")
    return Offers(tuple(WorkerManifest.model_validate(orjson.loads(manifest)) for manifest in raw))


def describe_pipelines(bench: Bench, owner: str) -> list[PipelineEntry]:
    """Every pipeline a person can choose, with the presets of that owner."""
    offers = offers_now(bench)
    declared = {item.service: item for item in manifests(services())}
    return [_describe(bench, pipeline, offers, declared, owner) for pipeline in PIPELINES.values() if _listed(pipeline)]


def typical_pipeline_seconds(bench: Bench, graph: Graph) -> float | None:
    """Expected seconds along the longest path, from past runs; None while nothing is known."""
    typical = typical_seconds(bench.store.database, {node.service for node in graph.nodes})
    record = JobRecord(id="-", status=JobStatus.ACCEPTED, graph=graph, graph_hash="")
    seconds = Estimate.of(record, typical).seconds_left()
    return None if seconds is None else round(seconds, 1)


def _listed(pipeline: Pipeline) -> bool:
    return pipeline.listed


def _describe(
    bench: Bench, pipeline: Pipeline, offers: Offers, declared: dict[str, ServiceManifest], owner: str
) -> PipelineEntry:
    graph = specimen(pipeline)
    nodes = []
    for node in graph.nodes:
        manifest = declared[node.service]
        reason = offers.reason(manifest)
        given = {"prompt", "script"} if node.id == "script" else set()  # options of the pipeline, not of its form
        nodes.append(
            PipelineNode(
                id=node.id,
                name=node.name or node.id,
                service=node.service,
                version=manifest.version,
                plane=manifest.plane.value,
                pool=manifest.pool,
                optional=node.id in pipeline.optional,
                doc=manifest.doc,
                params=manifest.params,
                preset={name: value for name, value in node.params.items() if name not in given},
                offered=not reason,
                reason=reason,
            )
        )
    missing = [node for node in nodes if not node.offered and not node.optional]
    return PipelineEntry(
        name=pipeline.name,
        title=title(pipeline),
        doc=pipeline.doc,
        options=option_uses(pipeline),
        nodes=nodes,
        result=".".join(pipeline.result) if pipeline.result else None,
        offered=not missing,
        reason=f"{missing[0].name}: {missing[0].reason}" if missing else "",
        typical_seconds=typical_pipeline_seconds(bench, graph),
        presets=presets_of(bench, pipeline.name, owner),
    )


def option_uses(pipeline: Pipeline) -> OptionUse:
    """How a pipeline uses each option."""
    return OptionUse(**{name: _use(pipeline, name) for name in OptionUse.model_fields})


def users_of_option(option: str) -> list[str]:
    """Titles of the pipelines that use an option, by its name in Python."""
    return [title(one) for one in PIPELINES.values() if _listed(one) and _use(one, option) != "unused"]


def title(pipeline: Pipeline) -> str:
    """Its name for people."""
    return pipeline.title


def _use(pipeline: Pipeline, option: str) -> Uses:
    if option not in pipeline.takes:
        return "unused"
    return "needed" if option == "portrait" else "optional"
