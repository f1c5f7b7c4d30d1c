"""The pipelines as a page shows them: options, nodes with the schema of their form, and whether workers offer them."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import OptionUses, PipelineEntry, PipelineNode
from schemas.capability import ServiceManifest, WorkerManifest
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.status import JobStatus
from workbench.bus.connection import BUS_AWAY
from workbench.client.bench import Bench
from workbench.client.estimate import Estimate
from workbench.client.pipelines import find_pipeline
from workbench.client.presets import presets_of
from workbench.client.specimen import specimen
from workbench.engine.offers import SHOWN
from workbench.store.typical import typical_seconds
from workbench.workflows import OPTION_NAMES, PIPELINES, Pipeline


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
    return [_describe(bench, pipeline, offers, declared, owner) for pipeline in _listed()]


def describe_pipeline(bench: Bench, name: str, owner: str) -> PipelineEntry:
    """One pipeline, whether it is listed or not. Raises WorkbenchError (pipeline.unknown)."""
    declared = {item.service: item for item in manifests(services())}
    return _describe(bench, find_pipeline(name), offers_now(bench), declared, owner)


def typical_pipeline_seconds(bench: Bench, graph: Graph) -> float | None:
    """Expected seconds along the longest path, from past runs; None while nothing is known."""
    typical = typical_seconds(bench.store.database, {node.service for node in graph.nodes})
    record = JobRecord(id="-", status=JobStatus.ACCEPTED, graph=graph, graph_hash="")
    seconds = Estimate.of(record, typical).seconds_left()
    return None if seconds is None else round(seconds, 1)


def option_uses(pipeline: str) -> dict[str, str]:
    """What a pipeline does with each option, named as in JSON. Raises WorkbenchError (pipeline.unknown)."""
    return _uses(find_pipeline(pipeline)).model_dump(mode="json", by_alias=True)


def users_of_option(option: str) -> list[str]:
    """Titles of the pipelines that use an option: what a disabled input names."""
    return [pipeline.title for pipeline in _listed() if option in pipeline.takes]


def experiments(bench: Bench, owner: str, sees_all: bool) -> list[str]:
    """Names of the experiments in which jobs that a user may see are recorded."""
    return list(bench.store.experiments(None if sees_all else owner))


def _listed() -> list[Pipeline]:
    return [pipeline for pipeline in PIPELINES.values() if pipeline.listed]


def _uses(pipeline: Pipeline) -> OptionUses:
    return OptionUses.model_validate({name: pipeline.use(name) for name in OPTION_NAMES})


def _describe(
    bench: Bench, pipeline: Pipeline, offers: Offers, declared: dict[str, ServiceManifest], owner: str
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
                params=manifest.params,
                # Options of the pipeline are no parameters of its form.
                preset={name: value for name, value in params.items() if name not in pipeline.takes},
                offered=not reason,
                reason=reason,
            )
        )
    missing = [node for node in nodes if not node.offered and not node.optional and node.id in drawn]
    return PipelineEntry(
        name=pipeline.name,
        title=pipeline.title,
        doc=pipeline.doc,
        options=_uses(pipeline),
        inputs=pipeline.view().inputs,
        reviews=pipeline.view().reviews,
        nodes=nodes,
        result=".".join(pipeline.result) if pipeline.result else None,
        offered=not missing,
        reason="; ".join(f"{node.name}: {node.reason}" for node in missing[:3]),
        typical_seconds=typical_pipeline_seconds(bench, graph),
        presets=presets_of(bench, pipeline.name, owner),
    )
