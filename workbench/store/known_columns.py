"""Which parameters, metrics and tags the jobs of a list have: what it can show as columns."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Integer, cast, func, select

from workbench.store.database import Database
from workbench.store.job_filter import JobFilter, conditions_of
from workbench.store.run_column import ColumnKind, RunColumn
from workbench.store.tables import job_metrics, job_params, jobs, node_results

_SHOWN_CHARS = 40  # a text is compared by its beginning: scripts are long, and reading them all takes long


@dataclass(frozen=True)
class KnownColumn:
    """A parameter or metric that jobs of a list have.

    Attributes:
        service: of the node, in one of the jobs.
        count: number of jobs that have it.
        varies: whether two of them have different values. Texts are compared by their first characters.
        least, most: of numbers; None if a value is a text.
        boolean: whether all values are true or false.
    """

    column: RunColumn
    service: str
    count: int
    varies: bool
    least: float | None = None
    most: float | None = None
    boolean: bool = False


def known_columns(database: Database, wanted: JobFilter) -> list[KnownColumn]:
    """The columns of the matching jobs: those that vary first, then by node and name; metrics before parameters."""
    chosen = select(jobs.c.id).where(*conditions_of(wanted))
    params, metrics = job_params.c, job_metrics.c
    begun = func.substr(params.text, 1, _SHOWN_CHARS)
    truths = func.sum(cast(params.text.in_(("true", "false")), Integer))
    by_param = (
        select(
            params.node,
            params.param,
            func.count().label("jobs"),
            func.count(params.number).label("numbers"),
            func.min(params.number).label("least"),
            func.max(params.number).label("most"),
            func.min(begun).label("first"),
            func.max(begun).label("last"),
            truths.label("truths"),
            func.max(params.job).label("job"),
        )
        .where(params.job.in_(chosen))
        .group_by(params.node, params.param)
    )
    by_metric = (
        select(
            metrics.node,
            metrics.metric,
            func.count().label("jobs"),
            func.min(metrics.value).label("least"),
            func.max(metrics.value).label("most"),
            func.max(metrics.job).label("job"),
        )
        .where(metrics.job.in_(chosen))
        .group_by(metrics.node, metrics.metric)
    )
    with database.read() as connection:
        of_params = connection.execute(by_param).all()
        of_metrics = connection.execute(by_metric).all()
        samples = {row.job for row in (*of_params, *of_metrics)}
        nodes = node_results.c
        statement = select(nodes.job, nodes.node, nodes.service).where(nodes.job.in_(samples))
        services = {(row.job, row.node): row.service for row in connection.execute(statement)}
    found = [
        KnownColumn(
            RunColumn(ColumnKind.METRIC, row.node, row.metric),
            services.get((row.job, row.node), ""),
            row.jobs,
            row.least != row.most,
            row.least,
            row.most,
        )
        for row in of_metrics
    ]
    for row in of_params:
        numbers, boolean = row.numbers == row.jobs, row.truths == row.jobs
        found.append(
            KnownColumn(
                RunColumn(ColumnKind.PARAM, row.node, row.param),
                services.get((row.job, row.node), ""),
                row.jobs,
                row.first != row.last,
                row.least if numbers and not boolean else None,
                row.most if numbers and not boolean else None,
                boolean,
            )
        )
    return sorted(found, key=lambda one: (not one.varies, one.column.kind, one.column.node, one.column.name))


def known_tags(database: Database, reader: str | None) -> list[str]:
    """The tags of all jobs that a user may see, in alphabetical order."""
    statement = select(jobs.c.tags).distinct()
    if reader is not None:
        statement = statement.where(jobs.c.owner == reader)
    return sorted({str(tag) for tags in database.scalars(statement) for tag in tags or ()})
