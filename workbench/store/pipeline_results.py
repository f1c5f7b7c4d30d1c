"""The completed jobs of a pipeline with an output of one of their nodes, for results that are found by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from schemas.graph import Graph
from schemas.status import JobStatus
from workbench.store.database import Database
from workbench.store.tables import jobs, node_results

MOST = 1000  # jobs


@dataclass(frozen=True)
class PipelineResult:
    """A completed job, and the output of the node that was asked for."""

    job: str
    owner: str
    finished_at: float | None
    graph: Graph  # as submitted
    output: dict[str, Any]


def completed_jobs(database: Database, pipeline: str, node: str, owner: str | None = None) -> Iterator[PipelineResult]:
    """The last completed jobs of the pipeline, those that ended last first.

    Args:
        node: id of the node whose output is wanted.
        owner: only jobs of this owner; None for all jobs.

    Raises WorkbenchError: sql.unreachable.
    """
    wanted = (
        select(jobs.c.id, jobs.c.owner, jobs.c.finished_at, jobs.c.graph, node_results.c.output)
        .join(node_results, (node_results.c.job == jobs.c.id) & (node_results.c.node == node))
        .where(jobs.c.pipeline == pipeline, jobs.c.status == JobStatus.COMPLETED.value)
        .order_by(jobs.c.finished_at.desc(), jobs.c.id)
        .limit(MOST)
    )
    if owner is not None:
        wanted = wanted.where(jobs.c.owner == owner)
    for row in database.rows(wanted):
        graph = Graph.model_validate_json(row.graph)
        yield PipelineResult(row.id, row.owner, row.finished_at, graph, row.output or {})
