"""The jobs of a bench in SQL: accepted once, changed only by numbered events, never forgotten by a restart."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Column, Connection, Table, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from schemas.errors import WorkbenchError
from schemas.event import Event, NodeResult, NodeWait
from schemas.job import JobRecord, NewJob
from schemas.status import FINAL_JOB_STATUSES, FINAL_NODE_STATUSES, JobStatus, NodeStatus
from workbench.settings import Settings
from workbench.store import record, tables
from workbench.store.assemble import job_record, new_job_rows
from workbench.store.database import Database
from workbench.store.listing import JobFilter, JobPage, list_jobs

log = structlog.get_logger(__name__)

_KEYS_PER_QUERY = 500  # SQLite takes 32,766 bound values, but plans long IN lists slowly
_FINAL_JOB = [status.value for status in FINAL_JOB_STATUSES]
_FINAL_NODE = [status.value for status in FINAL_NODE_STATUSES]
_EPOCH = "epoch"


@dataclass(frozen=True)
class ActiveNode:
    """A node that runs, or waits without a worker."""

    job: str
    node: str
    service: str
    worker: str
    started_at: float | None
    waiting: dict[str, Any]  # empty while it runs

    @property
    def wait(self) -> NodeWait:
        """Why it waits. Raises pydantic.ValidationError where it does not."""
        return NodeWait.model_validate(self.waiting)


class JobStore:
    """Everything SQL knows of jobs. Thread-safe; every method is one transaction and blocks for it.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, settings: Settings) -> JobStore:
        """The store of the settings' database, its tables brought up to date.

        Raises WorkbenchError: settings.invalid when no database is named; sql.schema when it is too new.
        """
        if not settings.sql_url:
            raise WorkbenchError(
                "settings.invalid",
                "no database is named",
                where="WORKBENCH_SQL_URL",
                allowed="sqlite:////absolute/path.db, postgresql+psycopg://user:password@host/database",
                remedy="Start the bench with `workbench up`, or set WORKBENCH_SQL_URL.",
            )
        database = Database(settings.sql_url)
        database.migrate()
        return cls(database)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    # Accepting

    def create(self, job: NewJob) -> tuple[str, bool]:
        """Keep an accepted job. Returns its id and whether it is new.

        With an idempotency key that is known, nothing is written and the id is that of the earlier job.
        Raises WorkbenchError (job.key_reused) when that job asked for something else.
        """
        rows = new_job_rows(job, now=time.time())
        with self.database.write() as connection:
            if not self._insert_job(connection, rows.job):
                return self._earlier(connection, job, rows.job["request_hash"]), False
            connection.execute(tables.node_results.insert(), rows.nodes)
            self._keep(connection, tables.artifacts, rows.artifacts)
            self._keep(connection, tables.job_artifacts, rows.grants)
        return job.id, True

    def _insert_job(self, connection: Connection, row: record.Row) -> bool:
        statement = self._insert(tables.jobs).on_conflict_do_nothing().returning(tables.jobs.c.id)
        return connection.execute(statement, row).first() is not None

    def _earlier(self, connection: Connection, job: NewJob, request_hash: str) -> str:
        jobs = tables.jobs.c
        same_key = and_(jobs.idempotency_key.is_not(None), jobs.idempotency_key == job.idempotency_key)
        found = connection.execute(select(jobs.id, jobs.request_hash).where((jobs.id == job.id) | same_key)).first()
        assert found is not None  # the insert met it a moment ago, in this transaction
        if found.request_hash != request_hash:
            raise WorkbenchError(
                "job.key_reused",
                "the idempotency key was used for another graph",
                where=f"job {found.id}",
                seen=job.idempotency_key or job.id,
                remedy="Use a new key for a new graph; the same key only repeats the same submit.",
            )
        return str(found.id)

    # Reading

    def get(self, job_id: str) -> JobRecord | None:
        """The job with its graph as last known, or None."""
        with self.database.read() as connection:
            job = connection.execute(select(tables.jobs).where(tables.jobs.c.id == job_id)).mappings().first()
            if job is None:
                return None
            statement = select(tables.node_results).where(tables.node_results.c.job == job_id)
            nodes = connection.execute(statement.order_by(tables.node_results.c.position)).mappings().all()
        return job_record(dict(job), [dict(node) for node in nodes])

    def list(self, wanted: JobFilter | None = None) -> JobPage:
        """One page of jobs, newest first, without their graphs, and how many there are in all."""
        with self.database.read() as connection:
            return list_jobs(connection, wanted or JobFilter())

    def events(self, job_id: str, after: str = "", limit: int = 10_000) -> Sequence[Event]:
        """Events behind the cursor ``<epoch>-<seq>`` (all of them for ""), in order."""
        events = tables.events.c
        statement = select(tables.events).where(events.job == job_id)
        if after:
            epoch, seq = (int(number) for number in after.split("-"))
            statement = statement.where(or_(events.epoch > epoch, and_(events.epoch == epoch, events.seq > seq)))
        with self.database.read() as connection:
            found = connection.execute(statement.order_by(events.epoch, events.seq).limit(limit)).mappings().all()
        return [Event.model_validate(dict(row)) for row in found]

    def active_nodes(self) -> tuple[Sequence[ActiveNode], Sequence[ActiveNode]]:
        """Nodes of unfinished jobs that run, and those that wait."""
        nodes, jobs = tables.node_results.c, tables.jobs.c
        wanted = select(
            nodes.job, nodes.node, nodes.service, nodes.status, nodes.worker, nodes.started_at, nodes.waiting
        )
        here = nodes.status.in_([NodeStatus.RUNNING, NodeStatus.WAITING]) & jobs.status.not_in(_FINAL_JOB)
        with self.database.read() as connection:
            statement = wanted.join(tables.jobs, jobs.id == nodes.job).where(here)
            found = connection.execute(statement.order_by(jobs.created_at, nodes.position)).all()
        active = [
            ActiveNode(row.job, row.node, row.service, row.worker, row.started_at, row.waiting or {}) for row in found
        ]
        return [node for node in active if not node.waiting], [node for node in active if node.waiting]

    def unfinished(self) -> Iterator[str]:
        """Ids of jobs that are not final, oldest first: what the reconciler compares with the bus."""
        jobs = tables.jobs.c
        statement = select(jobs.id).where(jobs.status.not_in(_FINAL_JOB)).order_by(jobs.created_at)
        with self.database.read() as connection:
            found = connection.execute(statement).scalars().all()
        yield from found

    def reads(self, owner: str, sha256: str) -> bool:
        """Whether the artifact belongs to a job of that owner."""
        grants, jobs = tables.job_artifacts, tables.jobs
        statement = (
            select(grants.c.job)
            .join(jobs, jobs.c.id == grants.c.job)
            .where(grants.c.sha256 == sha256, jobs.c.owner == owner)
        )
        with self.database.read() as connection:
            return connection.execute(statement.limit(1)).first() is not None

    def named_artifacts(self) -> set[str]:
        """Digests that a job or a cached result names: what gc keeps."""
        with self.database.read() as connection:
            named = set(connection.execute(select(tables.job_artifacts.c.sha256).distinct()).scalars())
            for output in connection.execute(select(tables.computed.c.output)).scalars():
                named.update(ref.sha256 for _, ref in record.named_refs(output))
        return named

    # Recording

    def apply(self, batch: Sequence[Event]) -> None:
        """Write a batch of events and what they mean, in one transaction. Applying an event again changes nothing.

        Events of jobs that SQL does not know are dropped and logged: their job was deleted.
        """
        if not batch:
            return
        with self.database.write() as connection:
            fresh = self._insert_events(connection, batch)
            if not fresh:
                return
            changes = record.fold(fresh, self._known_nodes(connection, fresh))
            self._update_nodes(connection, changes.nodes)
            self._update_jobs(connection, changes)
            self._keep(connection, tables.artifacts, list(changes.artifacts.values()))
            self._put(connection, tables.job_artifacts, list(changes.grants.values()))
            self._put(connection, tables.dead_letters, list(changes.dead.values()))
            renewed = [row for key, row in changes.computed.items() if key in changes.recomputed]
            self._put(connection, tables.computed, renewed)
            reused = [row for key, row in changes.computed.items() if key not in changes.recomputed]
            self._keep(connection, tables.computed, reused)

    def _insert_events(self, connection: Connection, batch: Sequence[Event]) -> Sequence[Event]:
        by_number = {(event.job, event.epoch, event.seq): event for event in batch}
        ids = {event.job for event in batch}
        known: set[str] = set()
        for some in _chunks(sorted(ids)):
            known.update(connection.execute(select(tables.jobs.c.id).where(tables.jobs.c.id.in_(some))).scalars())
        if ids - known:
            log.warning("events.dropped", reason="their jobs are not in SQL", jobs=sorted(ids - known)[:10])
        rows = [_event_row(event) for event in by_number.values() if event.job in known]
        if not rows:
            return []
        columns = tables.events.c
        statement = self._insert(tables.events).on_conflict_do_nothing()
        inserted = connection.execute(statement.returning(columns.job, columns.epoch, columns.seq), rows)
        return [by_number[row.job, row.epoch, row.seq] for row in inserted]

    def _known_nodes(self, connection: Connection, batch: Sequence[Event]) -> dict[record.NodeKey, record.Row]:
        nodes = tables.node_results.c
        wanted = select(nodes.job, nodes.node, nodes.service, nodes.version, nodes.event_epoch, nodes.event_seq)
        known: dict[record.NodeKey, record.Row] = {}
        for some in _chunks(sorted({event.job for event in batch})):
            for row in connection.execute(wanted.where(nodes.job.in_(some))).mappings():
                known[row["job"], row["node"]] = dict(row)
        return known

    def _update_nodes(self, connection: Connection, changed: dict[record.NodeKey, record.Row]) -> None:
        nodes = tables.node_results
        by_columns: dict[tuple[str, ...], Any] = {}
        for (job, node), row in changed.items():
            by_columns.setdefault(tuple(sorted(row)), []).append(row | {"_job": job, "_node": node})
        here = update(nodes).where(nodes.c.job == bindparam("_job"), nodes.c.node == bindparam("_node"))
        for columns, rows in by_columns.items():
            connection.execute(here.values({column: bindparam(column) for column in columns}), rows)

    def _update_jobs(self, connection: Connection, changes: record.Changes) -> None:
        if cancelled := [job for job, end in changes.ended.items() if end.status is JobStatus.CANCELLED]:
            nodes = tables.node_results
            still_open = nodes.c.job.in_(cancelled) & nodes.c.status.not_in(_FINAL_NODE)
            connection.execute(update(nodes).where(still_open).values(status=NodeStatus.CANCELLED, waiting=None))
        rows = []
        for job, state in self._states(connection, changes.touched | set(changes.ended)).items():
            end = changes.ended.get(job)
            rows.append(
                {
                    "_id": job,
                    "status": end.status if end else _open_status(state),
                    "progress": 1.0 if end and end.status is JobStatus.COMPLETED else min(1.0, state["progress"]),
                    "first_run": changes.started.get(job),
                    "end": end.at if end else None,
                    "error": self._error_of(connection, job, end.node) if end and end.node else None,
                }
            )
        jobs = tables.jobs.c
        # A final job stays as it is, whatever comes late. (NOT IN cannot be used with many rows of parameters.)
        not_final = [jobs.status != status for status in _FINAL_JOB]
        statement = update(tables.jobs).where(jobs.id == bindparam("_id"), *not_final)
        # A worker stamps its take before it waits for work, up to a second before the job was there.
        first_run: Any = bindparam("first_run", type_=jobs.started_at.type)
        begun = case((first_run < jobs.created_at, jobs.created_at), else_=first_run)
        if rows:
            connection.execute(
                statement.values(
                    status=bindparam("status"),
                    progress=bindparam("progress"),
                    error=bindparam("error", type_=jobs.error.type),
                    started_at=func.coalesce(jobs.started_at, begun),
                    finished_at=func.coalesce(bindparam("end", type_=jobs.finished_at.type), jobs.finished_at),
                ),
                rows,
            )

    def _states(self, connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
        nodes = tables.node_results.c

        def count(*statuses: str) -> Any:
            return func.sum(case((nodes.status.in_(statuses), 1), else_=0))

        statement = select(
            nodes.job,
            func.sum(case((nodes.status.in_(_FINAL_NODE), nodes.share), else_=0.0)).label("progress"),
            count(NodeStatus.RUNNING, NodeStatus.READY).label("active"),
            count(NodeStatus.WAITING).label("waiting"),
        ).group_by(nodes.job)
        found: dict[str, Any] = {}
        for some in _chunks(sorted(ids)):
            for row in connection.execute(statement.where(nodes.job.in_(some))).mappings():
                found[row["job"]] = row
        return found

    def _error_of(self, connection: Connection, job: str, node: str) -> Any:
        nodes = tables.node_results.c
        return connection.execute(select(nodes.error).where(nodes.job == job, nodes.node == node)).scalar()

    # The result cache

    def computed(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Outputs of the content keys that were computed before."""
        return self._of_computed(tables.computed.c.output, keys)

    def measured(self, keys: Iterable[str]) -> dict[str, dict[str, float]]:
        """The figures that the computations of these content keys recorded."""
        return self._of_computed(tables.computed.c.metrics, keys)

    def _of_computed(self, column: Column[Any], keys: Iterable[str]) -> dict[str, Any]:
        key = tables.computed.c.content_key
        found: dict[str, Any] = {}
        with self.database.read() as connection:
            for some in _chunks(sorted(set(keys))):
                found.update((row[0], row[1]) for row in connection.execute(select(key, column).where(key.in_(some))))
        return found

    def recent_results(self, limit: int) -> Sequence[NodeResult]:
        """The results computed last, oldest first: what a bus that was wiped is told again."""
        rows = tables.computed
        statement = select(rows.c.content_key, rows.c.output, rows.c.metrics, rows.c.seconds)
        with self.database.read() as connection:
            found = connection.execute(statement.order_by(rows.c.created_at.desc()).limit(limit)).all()
        return [
            NodeResult(content_key=row.content_key, output=row.output, metrics=row.metrics, seconds=row.seconds)
            for row in reversed(found)
        ]

    def forget_computed(self, key: str) -> None:
        """Take a result out of the cache: its bytes are gone or wrong."""
        with self.database.write() as connection:
            connection.execute(delete(tables.computed).where(tables.computed.c.content_key == key))

    # The bench

    def epoch(self) -> int:
        """The bench's epoch; 0 before the first bus."""
        return int(self.note(_EPOCH) or 0)

    def raise_epoch(self) -> int:
        """Raise the epoch by one and return it. Two callers never get the same."""
        with self.database.write() as connection:
            columns = tables.bench.c
            self._keep(connection, tables.bench, [{"key": _EPOCH, "value": "0"}])
            locked = select(columns.value).where(columns.key == _EPOCH).with_for_update()
            epoch = int(connection.execute(locked).scalar_one()) + 1
            connection.execute(update(tables.bench).where(columns.key == _EPOCH).values(value=str(epoch)))
        return epoch

    def note(self, key: str) -> str | None:
        """What is noted of the bench under that key."""
        with self.database.read() as connection:
            found: str | None = connection.execute(
                select(tables.bench.c.value).where(tables.bench.c.key == key)
            ).scalar()
        return found

    def set_note(self, key: str, value: str) -> None:
        """Note something of the bench as a whole."""
        with self.database.write() as connection:
            self._put(connection, tables.bench, [{"key": key, "value": value}])

    # Both dialects spell these alike, in modules of their own

    def _insert(self, table: Table) -> Any:
        return postgresql.insert(table) if self.database.dialect == "postgresql" else sqlite.insert(table)

    def _keep(self, connection: Connection, table: Table, rows: Sequence[record.Row]) -> None:
        """Insert the rows that are not there yet."""
        if rows:
            connection.execute(self._insert(table).on_conflict_do_nothing(), rows)

    def _put(self, connection: Connection, table: Table, rows: Sequence[record.Row]) -> None:
        """Insert the rows, or replace those that are there."""
        if rows:
            statement = self._insert(table)
            keys = [column.name for column in table.primary_key]
            values = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def _open_status(state: Any) -> JobStatus:
    """Of a job that is not final: it waits when nodes wait and none runs or is about to."""
    return JobStatus.WAITING if state["waiting"] and not state["active"] else JobStatus.RUNNING


def _event_row(event: Event) -> record.Row:
    # By hand: model_dump took a seventh of the time of a batch.
    return {
        "job": event.job,
        "epoch": event.epoch,
        "seq": event.seq,
        "type": event.type.value,
        "node": event.node,
        "data": event.data,
        "at": event.at,
    }


def _chunks(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _KEYS_PER_QUERY):
        yield values[start : start + _KEYS_PER_QUERY]
