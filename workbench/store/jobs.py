"""The jobs of a deployment in SQL: accepted once, changed only by numbered events, safe across restarts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from schemas.errors import WorkbenchError
from schemas.event import Event, NodeResult, NodeWait
from schemas.job import JobRecord, NewJob
from schemas.refs import Ref, read_ref
from schemas.status import NodeStatus
from workbench.settings import Settings
from workbench.store import job_rows, tables
from workbench.store.collection_rounds import check_round
from workbench.store.database import Database
from workbench.store.job_rows import job_record, new_job_rows
from workbench.store.listing import JobFilter, JobPage, list_jobs
from workbench.store.recording import Recording
from workbench.store.statements import Statements

_EPOCH = "epoch"
_JOB = f"SELECT {', '.join(job_rows.JOB_COLUMNS)} FROM jobs WHERE id = ?"
_NODES = f"SELECT {', '.join(job_rows.NODE_COLUMNS)} FROM node_results WHERE job = ?"
_OUTPUTS = "SELECT content_key, output FROM computed WHERE content_key IN"
_METRICS = "SELECT content_key, metrics FROM computed WHERE content_key IN"


@dataclass(frozen=True)
class ActiveNode:
    """A node that runs, or waits without occupying a worker."""

    job: str
    node: str
    service: str
    worker: str
    started_at: float | None
    waiting: dict[str, Any]  # empty while it runs

    @property
    def wait(self) -> NodeWait:
        """Why it waits. Raises pydantic.ValidationError if it does not wait."""
        return NodeWait.model_validate(self.waiting)


class JobStore:
    """All data about jobs in SQL. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._sql = Statements(database.dialect)
        self._recording = Recording(self._sql, lock=database.dialect != "sqlite")

    @classmethod
    def open(cls, settings: Settings) -> JobStore:
        """Open the database of the settings and migrate its tables.

        Raises WorkbenchError: settings.invalid if no database is configured; sql.schema if it is too new.
        """
        if not settings.sql_url:
            raise WorkbenchError(
                "settings.invalid",
                "no database is configured",
                where="WORKBENCH_SQL_URL",
                allowed="sqlite:////absolute/path.db, postgresql+psycopg://user:password@host/database",
                remedy="Start the deployment with `workbench up`, or set WORKBENCH_SQL_URL.",
            )
        database = Database(settings.sql_url)
        database.migrate()
        return cls(database)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    # Accepting

    def create(self, job: NewJob, seen: str | None = None) -> tuple[str, bool]:
        """Store an accepted job. Returns its id and whether it is new.

        If the idempotency key was used before, nothing is written, and the id is that of the earlier job.
        Raises WorkbenchError (job.key_reused) if that job was a different request.

        Args:
            seen: the collection round (``CollectionRounds.wait_until_closed``) before the job's files and results were
                looked up. If bytes were removed since, RoundChanged is raised and nothing is written.
        """
        rows = new_job_rows(job, now=time.time())
        with self.database.write() as connection:
            if seen is not None:
                check_round(self._sql, connection, self.database.dialect, seen)
            if not self._sql.insert_missing(connection, tables.jobs, [rows.job]):
                return self._earlier(connection, job, rows.job["request_hash"]), False
            self._sql.insert_missing(connection, tables.node_results, rows.nodes)
            self._sql.insert_missing(connection, tables.artifacts, rows.artifacts)
            self._sql.insert_missing(connection, tables.job_artifacts, rows.grants)
            self._sql.insert_missing(connection, tables.job_params, rows.params)
            self._sql.insert_missing(connection, tables.job_metrics, rows.metrics)
        return job.id, True

    def _earlier(self, connection: Connection, job: NewJob, request_hash: str) -> str:
        jobs = tables.jobs.c
        same_key = and_(jobs.idempotency_key.is_not(None), jobs.idempotency_key == job.idempotency_key)
        found = connection.execute(select(jobs.id, jobs.request_hash).where((jobs.id == job.id) | same_key)).first()
        assert found is not None  # the insert in this transaction conflicted with it
        if found.request_hash != request_hash:
            raise WorkbenchError(
                "job.key_reused",
                "the idempotency key was already used for a different graph",
                where=f"job {found.id}",
                seen=job.idempotency_key or job.id,
                remedy="Use a new key for a new graph. A key can only repeat the same submit.",
            )
        return str(found.id)

    # Reading

    def get(self, job_id: str) -> JobRecord | None:
        """The job with the current state of its graph, or None."""
        with self.database.read() as connection:
            job = self._sql.run(connection, _JOB, (job_id,)).fetchone()
            if job is None:
                return None
            nodes = self._sql.run(connection, _NODES, (job_id,)).fetchall()
        return job_record(job, nodes)

    def job_of_run(self, run: str) -> str | None:
        """The id of the job that this MLflow run records, or None."""
        jobs = tables.jobs.c
        found: str | None = self.database.scalar(select(jobs.id).where(jobs.mlflow_run_id == run).limit(1))
        return found

    def list(self, wanted: JobFilter | None = None) -> JobPage:
        """One page of jobs in the wanted order, without their graphs, and the total number."""
        with self.database.read() as connection:
            return list_jobs(connection, wanted or JobFilter())

    def events(self, job_id: str, after: str = "", limit: int = 10_000) -> Sequence[Event]:
        """Events after the cursor ``<epoch>-<seq>`` ("" for all), in order."""
        events = tables.events.c
        statement = select(tables.events).where(events.job == job_id)
        if after:
            epoch, seq = (int(number) for number in after.split("-"))
            statement = statement.where(or_(events.epoch > epoch, and_(events.epoch == epoch, events.seq > seq)))
        found = self.database.mappings(statement.order_by(events.epoch, events.seq).limit(limit))
        return [Event.model_validate(dict(row)) for row in found]

    def newest_events(self, job_id: str, limit: int) -> Sequence[Event]:
        """The last events of a job, newest first."""
        events = tables.events.c
        statement = select(tables.events).where(events.job == job_id).order_by(events.epoch.desc(), events.seq.desc())
        found = self.database.mappings(statement.limit(limit))
        return [Event.model_validate(dict(row)) for row in found]

    def experiments(self, owner: str | None = None, limit: int = 1000) -> Sequence[str]:
        """Names of the experiments that jobs are recorded in; optionally only those of one owner's jobs."""
        columns = tables.jobs.c
        statement = select(columns.experiment).distinct().order_by(columns.experiment).limit(limit)
        if owner is not None:
            statement = statement.where(columns.owner == owner)
        return self.database.scalars(statement)

    def active_nodes(self) -> tuple[Sequence[ActiveNode], Sequence[ActiveNode]]:
        """Nodes of unfinished jobs that run, and those that wait."""
        nodes, jobs = tables.node_results.c, tables.jobs.c
        wanted = select(
            nodes.job, nodes.node, nodes.service, nodes.status, nodes.worker, nodes.started_at, nodes.waiting
        )
        here = nodes.status.in_([NodeStatus.RUNNING, NodeStatus.WAITING]) & ~tables.job_is_final
        with self.database.read() as connection:
            statement = wanted.join(tables.jobs, jobs.id == nodes.job).where(here)
            found = connection.execute(statement.order_by(jobs.created_at, nodes.position)).all()
        active = [
            ActiveNode(row.job, row.node, row.service, row.worker, row.started_at, row.waiting or {}) for row in found
        ]
        return [node for node in active if not node.waiting], [node for node in active if node.waiting]

    def count_by_status(self) -> dict[str, int]:
        """The number of jobs by status, for statuses that occur."""
        status = tables.jobs.c.status
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(select(status, func.count()).group_by(status))}

    def unfinished(self) -> Iterator[str]:
        """Ids of jobs that are not final, oldest first. The reconciler compares them with the bus."""
        jobs = tables.jobs.c
        statement = select(jobs.id).where(~tables.job_is_final).order_by(jobs.created_at)
        yield from self.database.scalars(statement)

    def unfinished_of(self, owner: str) -> Sequence[str]:
        """Ids of an owner's jobs that are not final."""
        jobs = tables.jobs.c
        return self.database.scalars(select(jobs.id).where(jobs.owner == owner, ~tables.job_is_final))

    def unfinished_among(self, ids: Sequence[str]) -> set[str]:
        """Those of these jobs that exist and are not final."""
        jobs = tables.jobs.c
        return set(self.database.scalars(select(jobs.id).where(jobs.id.in_(ids), ~tables.job_is_final)))

    def artifact(self, sha256: str, owner: str | None = None) -> Ref | None:
        """The reference of an artifact that a job refers to; optionally only through one owner's jobs."""
        grants, jobs, artifacts = tables.job_artifacts, tables.jobs, tables.artifacts
        statement = (
            select(artifacts.c.facts)
            .join(grants, grants.c.sha256 == artifacts.c.sha256)
            .join(jobs, jobs.c.id == grants.c.job)
            .where(artifacts.c.sha256 == sha256)
        )
        if owner is not None:
            statement = statement.where(jobs.c.owner == owner)
        return read_ref(self.database.scalar(statement.limit(1)))

    # Recording

    def apply(self, batch: Sequence[Event]) -> None:
        """Write a batch of events and their effects in one transaction. Applying an event again changes nothing.

        Events of jobs that are not in SQL are dropped and logged, because these jobs were deleted.
        """
        if not batch:
            return
        with self.database.write() as connection:
            self._recording.apply(connection, batch)

    # The result cache

    def computed(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Outputs by content key, for keys that were computed before."""
        return self._of_computed(_OUTPUTS, keys)

    def measured(self, keys: Iterable[str]) -> dict[str, dict[str, float]]:
        """Recorded metrics by content key, for keys that were computed before."""
        return self._of_computed(_METRICS, keys)

    def _of_computed(self, text: str, keys: Iterable[str]) -> dict[str, Any]:
        wanted = set(keys)
        if not wanted:
            return {}
        with self.database.read() as connection:
            return {key: tables.from_json(value) for key, value in self._sql.select_in(connection, text, wanted)}

    def recent_results(self, limit: int) -> Sequence[NodeResult]:
        """The most recent results, oldest first, to restore the index of a bus that lost its data."""
        rows = tables.computed
        statement = select(rows.c.content_key, rows.c.output, rows.c.metrics, rows.c.seconds)
        found = self.database.rows(statement.order_by(rows.c.created_at.desc()).limit(limit))
        return [
            NodeResult(content_key=row.content_key, output=row.output, metrics=row.metrics, seconds=row.seconds)
            for row in reversed(found)
        ]

    # The deployment

    def epoch(self) -> int:
        """The deployment's epoch; 0 before the first bus."""
        return int(self.note(_EPOCH) or 0)

    def raise_epoch(self) -> int:
        """Increment the epoch and return it. Two callers never get the same value."""
        with self.database.write() as connection:
            columns = tables.deployment.c
            self._sql.insert_missing(connection, tables.deployment, [{"key": _EPOCH, "value": "0"}])
            locked = select(columns.value).where(columns.key == _EPOCH).with_for_update()
            epoch = int(connection.execute(locked).scalar_one()) + 1
            connection.execute(update(tables.deployment).where(columns.key == _EPOCH).values(value=str(epoch)))
        return epoch

    def note(self, key: str) -> str | None:
        """The value stored for the deployment under this key."""
        return self.database.scalar(select(tables.deployment.c.value).where(tables.deployment.c.key == key))

    def notes(self, prefix: str) -> dict[str, str]:
        """The values stored for the deployment under keys that start with this."""
        columns = tables.deployment.c
        here = columns.key.startswith(prefix, autoescape=True)
        return {row.key: row.value for row in self.database.rows(select(columns.key, columns.value).where(here))}

    def set_note(self, key: str, value: str) -> None:
        """Store a value for the deployment."""
        with self.database.write() as connection:
            self._sql.upsert(connection, tables.deployment, [{"key": key, "value": value}])
