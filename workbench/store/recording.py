"""Writes a batch of events into the tables. ``record`` decides on its effects; this module has the statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog
from sqlalchemy import Connection

from schemas.event import Event
from schemas.status import FINAL_JOB_STATUSES, FINAL_NODE_STATUSES, JobStatus, NodeStatus
from workbench.store import record, tables
from workbench.store.job_metrics import metric_rows
from workbench.store.statements import Statements, Values

log = structlog.get_logger(__name__)


def _listed(statuses: Collection[str]) -> str:
    return ", ".join(f"'{status}'" for status in sorted(statuses))


# Late events do not change a final job. A worker takes its time stamp before it waits for work, up to a second before
# the job is accepted, so the start is at least the time of acceptance.
_UPDATE_JOBS = f"""
UPDATE jobs SET status = ?, progress = ?, error = ?,
  started_at = COALESCE(started_at, CASE WHEN ? < created_at THEN created_at ELSE ? END),
  finished_at = COALESCE(?, finished_at)
WHERE id = ? AND status NOT IN ({_listed(FINAL_JOB_STATUSES)})
"""
_CANCEL_NODES = f"""
UPDATE node_results SET status = '{NodeStatus.CANCELLED}', waiting = NULL
WHERE job = ? AND status NOT IN ({_listed(FINAL_NODE_STATUSES)})
"""
_INSERT_EVENTS = """
INSERT INTO events (job, epoch, seq, type, node, data, at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_LOCK_JOBS = "SELECT id FROM jobs WHERE id IN ({}) ORDER BY id FOR NO KEY UPDATE"
_KNOWN_NODES = f"SELECT {', '.join(record.KnownNode._fields)} FROM node_results WHERE job IN"
_FORGET_METRICS = "DELETE FROM job_metrics WHERE job = ? AND node = ?"
_ERROR = "SELECT error FROM node_results WHERE job = ? AND node = ?"


class Recording:
    """Writes batches of events within the caller's transactions."""

    def __init__(self, statements: Statements, *, lock: bool) -> None:
        """``lock``: whether to lock the changed jobs. On SQLite, a transaction locks the whole database anyway."""
        self._sql = statements
        self._lock = lock

    def apply(self, connection: Connection, batch: Sequence[Event]) -> None:
        """Write the events that are not stored yet, and their effects.

        The caller need not know which events are new: a node's row stores the last event that changed it, and a final
        job does not change. So all rows are sent, and the database ignores those that it has.
        """
        jobs = sorted({event.job for event in batch})
        if self._lock:
            marks = ", ".join("?" * len(jobs))
            self._sql.run(connection, _LOCK_JOBS.format(marks), tuple(jobs))
        known = record.KnownNodes()
        for row in self._sql.select_in(connection, _KNOWN_NODES, jobs):
            known.add(record.KnownNode._make(row))
        if gone := [job for job in jobs if job not in known.of_job]:
            log.warning("events.dropped", reason="their jobs are not in SQL", jobs=gone[:10])
            batch = [event for event in batch if event.job in known.of_job]
        if (
            not batch
            or not self._sql.run(connection, _INSERT_EVENTS, [_event_values(event) for event in batch]).rowcount
        ):
            return
        changes = record.fold(batch, known)
        self._sql.update(connection, tables.node_results, changes.nodes)
        self._write_metrics(connection, changes)
        self._update_jobs(connection, changes, known)
        self._sql.insert_missing(connection, tables.artifacts, list(changes.artifacts.values()))
        self._sql.upsert(connection, tables.job_artifacts, list(changes.grants.values()))
        self._sql.upsert(connection, tables.dead_letters, list(changes.dead.values()))
        renewed = [row for key, row in changes.computed.items() if key in changes.recomputed]
        self._sql.upsert(connection, tables.computed, renewed)
        reused = [row for key, row in changes.computed.items() if key not in changes.recomputed]
        self._sql.insert_missing(connection, tables.computed, reused)

    def _write_metrics(self, connection: Connection, changes: record.Changes) -> None:
        measured = {key: row["metrics"] for key, row in changes.nodes.items() if "metrics" in row}
        if measured:  # a result that replaces another one may lack some of its metrics
            self._sql.run(connection, _FORGET_METRICS, list(measured))
        rows = [row for key, metrics in measured.items() for row in metric_rows(*key, metrics)]
        self._sql.insert_missing(connection, tables.job_metrics, rows)

    def _update_jobs(self, connection: Connection, changes: record.Changes, known: record.KnownNodes) -> None:
        cancelled = [(job,) for job, end in changes.ended.items() if end.status is JobStatus.CANCELLED]
        if cancelled:
            self._sql.run(connection, _CANCEL_NODES, cancelled)
        rows: list[Values] = []
        for job in changes.touched | changes.ended.keys():
            end = changes.ended.get(job)
            status, progress = record.job_state(known.of_job[job], changes, end)
            error = self._error_of(connection, changes, job, end.node) if end and end.node else None
            began = changes.started.get(job)
            rows.append((status.value, progress, error, began, began, end.at if end else None, job))
        if rows:
            self._sql.run(connection, _UPDATE_JOBS, rows)

    def _error_of(self, connection: Connection, changes: record.Changes, job: str, node: str) -> str | None:
        row = changes.nodes.get((job, node), {})
        if "error" in row:
            return tables.to_json(row["error"])
        found: tuple[str | None] | None = self._sql.run(connection, _ERROR, (job, node)).fetchone()
        return found[0] if found else None


def _event_values(event: Event) -> Values:
    # Written by hand, because model_dump took a seventh of the time of a batch.
    data = tables.to_json(event.data)
    return event.job, event.epoch, event.seq, event.type.value, event.node, data, event.at
