"""The lineage of an artifact: the nodes, runs, inputs and weights that made it, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.artifact_lineage import ArtifactLineage, LineageArtifact, LineageStep
from schemas.job import JobRecord
from schemas.refs import Ref, refs_in
from workbench.client.access import User, readable, reader
from workbench.client.deployment import Deployment
from workbench.engine.binding import first_available, references
from workbench.store.deliveries import Deliveries
from workbench.store.origins import using_jobs
from workbench.store.record import named_refs

MOST_STEPS = 120
MOST_JOBS = 20  # runs that are looked at for each artifact


def artifact_lineage(deployment: Deployment, user: User, sha256: str, *, job: str | None = None) -> ArtifactLineage:
    """The lineage of an artifact that the user may read. Blocks.

    Args:
        job: a run that is preferred where several made the artifact; by default the newest counts.

    Raises WorkbenchError: artifact.unknown, sql.unreachable.
    """
    ref = readable(deployment, user, sha256)
    walk = _Walk(deployment, reader(user), job)
    walk.artifacts[sha256] = ref
    walk.up(sha256)
    walk.down(sha256)
    made = {one for step in walk.steps.values() for one in step.outputs.values()}
    return ArtifactLineage(
        sha256=sha256,
        artifacts=[_shown(one, given=one.sha256 not in made) for one in walk.artifacts.values()],
        steps=list(walk.steps.values()),
        cut=walk.cut,
    )


def resolved_inputs(record: JobRecord, node_id: str) -> dict[str, Ref]:
    """The files that a node took, by the name of the input or parameter: given ones, and outputs of other nodes."""
    node = record.graph.node(node_id)
    outputs = {one.id: one.output or {} for one in record.nodes}
    found = dict(named_refs(node.params))
    for name, value in node.input.items():
        named = references(value)
        taken: Any = first_available(named, outputs) if named else value
        found.update(named_refs(taken, name))
    return found


class _Walk:
    """Follows artifacts through the runs that the user may see. Each artifact and each step once."""

    def __init__(self, deployment: Deployment, owner: str | None, prefer: str | None) -> None:
        self._deployment, self._owner, self._prefer = deployment, owner, prefer
        self._deliveries = Deliveries(deployment.store.database)
        self._records: dict[str, JobRecord | None] = {}
        self._seen_up: set[str] = set()
        self._seen_down: set[str] = set()
        self.artifacts: dict[str, Ref] = {}
        self.steps: dict[str, LineageStep] = {}
        self.cut = False

    def up(self, sha256: str) -> None:
        """The steps that made the artifact, and what they took, back to what people gave."""
        todo = [sha256]
        while todo:
            now = todo.pop(0)
            if now in self._seen_up:
                continue
            self._seen_up.add(now)
            step = self._maker(now)
            if step is not None:
                todo += step.inputs.values()

    def down(self, sha256: str) -> None:
        """The steps that took the artifact, and what they made, to the last results."""
        todo = [sha256]
        while todo:
            now = todo.pop(0)
            if now in self._seen_down:
                continue
            self._seen_down.add(now)
            for record in self._jobs({*using_jobs(self._deployment.store.database, now, self._owner, MOST_JOBS),
                                      *self._deliveries.making_jobs(now, self._owner, MOST_JOBS)}):  # fmt: skip
                for node in record.nodes:
                    if now in {ref.sha256 for ref in resolved_inputs(record, node.id).values()}:
                        step = self._step(record, node.id)
                        todo += step.outputs.values() if step is not None else ()

    def _maker(self, sha256: str) -> LineageStep | None:
        jobs = self._deliveries.making_jobs(sha256, self._owner, MOST_JOBS)
        if self._prefer in jobs:
            jobs.insert(0, self._prefer)  # type: ignore[arg-type]
        for record in (one for job in jobs for one in self._jobs([job])):
            for node in record.nodes:
                taken = {ref.sha256 for ref in resolved_inputs(record, node.id).values()}
                if sha256 not in taken and sha256 in {ref.sha256 for ref in refs_in(node.output or {})}:
                    return self._step(record, node.id)
        return None

    def _step(self, record: JobRecord, node_id: str) -> LineageStep | None:
        """Add the step, once for equal computations. None if there are too many."""
        node, asked = record.node(node_id), record.graph.node(node_id)
        inputs, outputs = resolved_inputs(record, node_id), dict(named_refs(node.output or {}))
        key = node.content_key or f"{record.id}/{node_id}"
        if key in self.steps:
            return self.steps[key]
        if len(self.steps) >= MOST_STEPS:
            self.cut = True
            return None
        for ref in (*inputs.values(), *outputs.values()):
            self.artifacts.setdefault(ref.sha256, ref)
        self.steps[key] = LineageStep(
            job=record.id,
            node=node_id,
            service=node.service,
            version=asked.version,
            pipeline=record.pipeline or record.graph.workflow_id,
            seed=record.seed,
            weights=asked.weights,
            models=asked.models or {},
            status=node.status.value,
            cached=node.cached,
            at=record.created_at,
            inputs={name: ref.sha256 for name, ref in inputs.items()},
            outputs={name: ref.sha256 for name, ref in outputs.items()},
        )
        return self.steps[key]

    def _jobs(self, ids: Iterable[str]) -> list[JobRecord]:
        found = []
        for job in sorted(ids, reverse=True):  # ids sort by time: the newest first
            if job not in self._records:
                self._records[job] = self._deployment.store.get(job)
            if (record := self._records[job]) is not None:
                found.append(record)
        return found


def _shown(ref: Ref, *, given: bool) -> LineageArtifact:
    return LineageArtifact(
        sha256=ref.sha256, kind=ref.kind, media_type=ref.media_type, name=ref.name, size_bytes=ref.size_bytes,
        given=given,
    )  # fmt: skip
