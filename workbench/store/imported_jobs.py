"""Writes a finished job of another deployment into SQL. It is never recorded in MLflow and fills no result cache."""

from __future__ import annotations

import time
from collections.abc import Collection

from schemas.job import JobRecord, NewJob
from schemas.status import NodeStatus
from workbench.store import tables
from workbench.store.collection_rounds import check_round
from workbench.store.database import Database
from workbench.store.job_rows import new_job_rows
from workbench.store.statements import Statements
from workbench.store.tracking_queue import TrackingState


def add_imported(
    database: Database, job: NewJob, record: JobRecord, held: Collection[str], seen: str | None = None
) -> tuple[str, bool]:
    """Store the job with its end. Returns its id and whether it is new.

    Args:
        job: with the graph as it ended, and a key that names the bundle: a repeated import finds the first one.
        record: the job as it was where it ran.
        held: digests of the artifacts whose bytes came with it. The job grants access to no others: a digest alone
            must not open a file of somebody else.
        seen: the collection round before the bytes were stored. RoundChanged if bytes were removed since.

    Raises WorkbenchError: sql.unreachable.
    """
    sql = Statements(database.dialect)
    rows = new_job_rows(job, now=time.time())
    rows.job.update(
        status=record.status.value,
        progress=1.0,
        error=None if record.error is None else record.error.model_dump(mode="json", by_alias=True),
        started_at=record.started_at,
        finished_at=record.finished_at or record.created_at,
        tracking=TrackingState.DONE.value,
    )
    for row in rows.nodes:
        node = record.node(row["node"])
        row.update(
            status=(node.status if node.status.final else NodeStatus.CANCELLED).value,
            attempt=node.attempt,
            worker=node.worker,
            # Counted as cached, so that its times on another machine do not enter the estimates of this one.
            cached=True,
            content_key=node.content_key,
            seconds=node.seconds,
            cpu_seconds=node.cpu_seconds,
            peak_memory_bytes=node.peak_memory_bytes,
            metrics=node.metrics,
            series=node.model_dump(mode="json", by_alias=True)["series"],
            output=node.output,
            error=None if node.error is None else node.error.model_dump(mode="json", by_alias=True),
            started_at=node.started_at,
            finished_at=node.finished_at,
        )
    grants = [row for row in rows.grants if row["sha256"] in held]
    artifacts = [row for row in rows.artifacts if row["sha256"] in held]
    with database.write() as connection:
        if seen is not None:
            check_round(sql, connection, database.dialect, seen)
        if not sql.insert_missing(connection, tables.jobs, [rows.job]):
            known = tables.jobs.c
            found = connection.execute(
                tables.jobs.select().with_only_columns(known.id).where(known.idempotency_key == job.idempotency_key)
            ).scalar_one()
            return str(found), False
        sql.insert_missing(connection, tables.node_results, rows.nodes)
        sql.insert_missing(connection, tables.artifacts, artifacts)
        sql.insert_missing(connection, tables.job_artifacts, grants)
        sql.insert_missing(connection, tables.job_params, rows.params)
    return job.id, True
