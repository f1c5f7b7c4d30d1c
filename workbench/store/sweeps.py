"""Sweeps in SQL: their specs, their cells, and the jobs of the cells. All state of a sweep is here."""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, insert, or_, select, update

from schemas.errors import ErrorInfo
from schemas.graph import Graph
from schemas.status import JobStatus
from schemas.sweep import SweepState
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import job_is_final, jobs, node_results, sweep_cells, sweep_files, sweeps

_SOME = 500
_AGAIN = (JobStatus.FAILED.value, JobStatus.CANCELLED.value)
OPEN = (SweepState.RUNNING.value, SweepState.PAUSED.value)


@dataclass(frozen=True)
class NewCell:
    """A cell to store."""

    number: int
    position: int
    at: list[int | None]
    hash: str
    pipeline: str
    graph: bytes  # packed

    @staticmethod
    def packed(graph: Graph) -> bytes:
        """A graph as it is stored."""
        return zlib.compress(graph.to_json(), 1)


@dataclass(frozen=True)
class SweepRow:
    """A sweep without its cells."""

    id: str
    owner: str
    name: str
    pipeline: str
    experiment: str
    state: SweepState
    spec: dict[str, Any]
    axes: list[dict[str, Any]]
    plan: dict[str, Any]
    at_once: int
    revision: int
    created_at: float


@dataclass(frozen=True)
class CellRow:
    """A cell with the state of its job."""

    number: int
    position: int
    at: list[int | None]
    hash: str
    removed: bool
    attempt: int
    job: str | None
    error: ErrorInfo | None
    status: JobStatus | None  # None without a job; also if its job was deleted
    progress: float
    nodes: int = 0
    nodes_cached: int = 0
    job_error: ErrorInfo | None = None


@dataclass(frozen=True)
class DueCell:
    """A cell that may be submitted."""

    sweep: str
    number: int
    attempt: int
    owner: str
    pipeline: str
    experiment: str
    graph: Graph

    @property
    def key(self) -> str:
        """The idempotency key of its job: a second submit of the same attempt finds the first."""
        return f"sweep/{self.sweep}/{self.number}/{self.attempt}"


class Sweeps:
    """The sweeps of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    # -- front ends ----------------------------------------------------------------------------------------------------

    def create(self, sweep: dict[str, Any], cells: Sequence[NewCell], files: Collection[str]) -> None:
        """Store a sweep that starts running.

        Args:
            sweep: the columns that it does not begin with by itself.
            files: digests that its cells use.
        """
        now = time.time()
        row = {
            **sweep,
            "state": SweepState.RUNNING.value,
            "revision": 1,
            "recorded": 0,
            "created_at": now,
            "changed_at": now,
        }
        with self._database.write() as connection:
            connection.execute(insert(sweeps).values(**row))
            self._add(connection, sweep["id"], cells, files)

    def extend(
        self,
        sweep: str,
        changed: dict[str, Any],
        *,
        kept: dict[int, tuple[int, list[int | None]]],
        removed: dict[int, tuple[int, list[int | None]]],
        new: Sequence[NewCell],
        files: Collection[str],
        revision: int,
    ) -> bool:
        """Give a sweep a new spec; it then runs. Returns False if it was changed meanwhile.

        Args:
            kept, removed: by number of a cell that the new spec has or no longer has: its new position and place.
            revision: the revision that the change is made from.
        """
        with self._database.write() as connection:
            values = {**changed, "state": SweepState.RUNNING.value}
            if not self._change(connection, sweep, values, sweeps.c.revision == revision):
                return False
            for cells, gone in ((kept, False), (removed, True)):
                for number, (position, at) in cells.items():
                    here = (sweep_cells.c.sweep == sweep) & (sweep_cells.c.number == number)
                    connection.execute(update(sweep_cells).where(here).values(position=position, at=at, removed=gone))
            self._add(connection, sweep, new, files)
        return True

    def get(self, sweep: str) -> SweepRow | None:
        """The sweep, or None."""
        found = self._database.mappings(select(*_ROW).where(sweeps.c.id == sweep))
        return _row(found[0]) if found else None

    def newest(self, owner: str | None, limit: int, offset: int) -> tuple[list[SweepRow], int]:
        """Sweeps, newest first, and the number of all. ``owner``: None for all owners."""
        here = [] if owner is None else [sweeps.c.owner == owner]
        order = (sweeps.c.created_at.desc(), sweeps.c.id)
        found = self._database.mappings(select(*_ROW).where(*here).order_by(*order).limit(limit).offset(offset))
        total = self._database.scalar(select(func.count()).select_from(sweeps).where(*here)) or 0
        return [_row(one) for one in found], total

    def counts(self, ids: Collection[str]) -> dict[str, dict[str, int]]:
        """By sweep: the number of its cells by the status of their jobs. Those without a job are ``planned``."""
        word = case(
            (sweep_cells.c.error.is_not(None), JobStatus.FAILED.value),
            (sweep_cells.c.job.is_(None), "planned"),
            else_=func.coalesce(jobs.c.status, "deleted"),
        )
        statement = (
            select(sweep_cells.c.sweep, word.label("word"), func.count().label("count"))
            .outerjoin(jobs, jobs.c.id == sweep_cells.c.job)
            .where(sweep_cells.c.sweep.in_(ids), ~sweep_cells.c.removed)
            .group_by(sweep_cells.c.sweep, word)
        )
        found: dict[str, dict[str, int]] = {sweep: {} for sweep in ids}
        for row in self._database.rows(statement):
            found[row[0]][row[1]] = row[2]
        return found

    def cells(self, sweep: str) -> list[CellRow]:
        """The cells of a sweep in the order of its table."""
        columns = sweep_cells.c
        wanted = [column for column in columns if column.name not in ("graph", "sweep", "pipeline")]
        statement = (
            select(*wanted, jobs.c.status, jobs.c.progress, jobs.c.error.label("job_error"))
            .outerjoin(jobs, jobs.c.id == columns.job)
            .where(columns.sweep == sweep)
            .order_by(columns.position, columns.number)
        )
        nodes = (
            select(
                node_results.c.job,
                func.count().label("nodes"),
                func.sum(case((node_results.c.cached, 1), else_=0)).label("cached"),
            )
            .join(columns.job.table, columns.job == node_results.c.job)
            .where(columns.sweep == sweep)
            .group_by(node_results.c.job)
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).mappings().all()
            counted = {row.job: (row.nodes, row.cached) for row in connection.execute(nodes)}
        return [_cell(row, *counted.get(row["job"], (0, 0))) for row in rows]

    def graphs(self, sweep: str, numbers: Collection[int] | None = None) -> dict[int, Graph]:
        """The requested graphs of its cells, by number; of all cells unless some are named."""
        columns = sweep_cells.c
        statement = select(columns.number, columns.graph).where(columns.sweep == sweep)
        if numbers is not None:
            statement = statement.where(columns.number.in_(list(numbers)))
        return {row.number: _unpacked(row.graph) for row in self._database.rows(statement)}

    def set_state(self, sweep: str, state: SweepState, *, seen: Collection[SweepState]) -> bool:
        """Change the state, if it is one of those seen. Returns whether it was changed."""
        with self._database.write() as connection:
            here = sweeps.c.state.in_([one.value for one in seen])
            return self._change(connection, sweep, {"state": state.value}, here)

    def again(self, sweep: str, *, unfinished: bool) -> None:
        """Run a sweep: its failed, cancelled and refused cells get another attempt.

        Args:
            unfinished: whether jobs that have not ended are replaced as well, because they are being cancelled.
        """
        columns = sweep_cells.c
        replaced = select(jobs.c.id).where(
            jobs.c.sweep == sweep,
            jobs.c.status.in_(_AGAIN) | ~job_is_final if unfinished else jobs.c.status.in_(_AGAIN),
        )
        gone = columns.job.is_not(None) & columns.job.not_in(select(jobs.c.id).where(jobs.c.sweep == sweep))
        with self._database.write() as connection:
            here = (columns.sweep == sweep) & ~columns.removed
            chosen = or_(columns.job.in_(replaced), columns.error.is_not(None), gone)
            if unfinished:  # a driver may have died before it noted a job, which is cancelled now
                chosen = or_(chosen, columns.job.is_(None))
            connection.execute(
                update(sweep_cells).where(here, chosen).values(attempt=columns.attempt + 1, job=None, error=None)
            )
            self._change(connection, sweep, {"state": SweepState.RUNNING.value})

    def unfinished_jobs(self, sweep: str) -> Sequence[str]:
        """Jobs of the sweep that have not ended, also of earlier attempts."""
        return self._database.scalars(select(jobs.c.id).where(jobs.c.sweep == sweep, ~job_is_final))

    # -- the driver ----------------------------------------------------------------------------------------------------

    def running(self) -> Sequence[tuple[str, int]]:
        """Running sweeps, oldest first, and how many jobs of each may be unfinished at a time."""
        columns = sweeps.c
        statement = select(columns.id, columns.at_once).where(columns.state == SweepState.RUNNING.value)
        return [(row.id, row.at_once) for row in self._database.rows(statement.order_by(columns.created_at))]

    def state(self, sweep: str) -> SweepState | None:
        """Its state; None if it was deleted."""
        found = self._database.scalar(select(sweeps.c.state).where(sweeps.c.id == sweep))
        return None if found is None else SweepState(found)

    def due(self, sweep: str, limit: int) -> list[DueCell]:
        """The next cells to submit."""
        columns = sweep_cells.c
        statement = (
            select(
                columns.number,
                columns.attempt,
                columns.graph,
                columns.pipeline,
                sweeps.c.owner,
                sweeps.c.experiment,
            )
            .join(sweeps, sweeps.c.id == columns.sweep)
            .where(
                columns.sweep == sweep,
                columns.job.is_(None),
                columns.error.is_(None),
                ~columns.removed,
            )
            .order_by(columns.position)
            .limit(limit)
        )
        return [
            DueCell(sweep, row.number, row.attempt, row.owner, row.pipeline, row.experiment, _unpacked(row.graph))
            for row in self._database.rows(statement)
        ]

    def unfinished(self, sweep: str) -> int:
        """How many jobs of its cells have not ended."""
        statement = (
            select(func.count())
            .select_from(sweep_cells)
            .join(jobs, jobs.c.id == sweep_cells.c.job)
            .where(sweep_cells.c.sweep == sweep, ~job_is_final)
        )
        return self._database.scalar(statement) or 0

    def set_job(self, cell: DueCell, job: str) -> bool:
        """Note the job of a cell. Returns whether its sweep runs or is paused, so that the job may stay."""
        columns = sweep_cells.c
        here = (columns.sweep == cell.sweep) & (columns.number == cell.number) & (columns.attempt == cell.attempt)
        with self._database.write() as connection:
            found = connection.execute(update(sweep_cells).where(here).values(job=job, error=None)).rowcount
            state = connection.execute(select(sweeps.c.state).where(sweeps.c.id == cell.sweep)).scalar()
        return bool(found) and state in OPEN

    def set_error(self, cell: DueCell, error: ErrorInfo) -> None:
        """Note why a cell could not be accepted."""
        columns = sweep_cells.c
        here = (columns.sweep == cell.sweep) & (columns.number == cell.number) & (columns.attempt == cell.attempt)
        found = error.model_dump(mode="json", by_alias=True)
        self._database.change(update(sweep_cells).where(here, columns.job.is_(None)).values(error=found))

    def complete(self, sweep: str) -> bool:
        """Complete a running sweep all of whose cells have ended. Returns whether it was completed now."""
        columns = sweep_cells.c
        waits = (
            select(columns.number)
            .outerjoin(jobs, jobs.c.id == columns.job)
            .where(
                columns.sweep == sweep,
                or_(
                    columns.job.is_(None) & columns.error.is_(None) & ~columns.removed,
                    jobs.c.id.is_not(None) & ~job_is_final,
                ),
            )
            .limit(1)
        )
        with self._database.write() as connection:
            if connection.execute(waits).first() is not None:
                return False
            running = sweeps.c.state == SweepState.RUNNING.value
            return self._change(connection, sweep, {"state": SweepState.COMPLETED.value}, running)

    def to_cancel(self) -> Sequence[str]:
        """Unfinished jobs of cancelled sweeps."""
        cancelled = select(sweeps.c.id).where(sweeps.c.state == SweepState.CANCELLED.value)
        return self._database.scalars(select(jobs.c.id).where(jobs.c.sweep.in_(cancelled), ~job_is_final))

    # -- files and MLflow ----------------------------------------------------------------------------------------------

    def using(self, digests: Collection[str]) -> set[str]:
        """Sweeps that use one of the files."""
        with self._database.read() as connection:
            text = "SELECT DISTINCT sweep FROM sweep_files WHERE sha256 IN"
            return {row[0] for row in self._sql.select_in(connection, text, digests)}

    def halt(self, ids: Collection[str]) -> None:
        """Cancel sweeps, so that they submit nothing while their files are erased."""
        with self._database.write() as connection:
            for sweep in ids:
                open_ = sweeps.c.state.in_(OPEN)
                self._change(connection, sweep, {"state": SweepState.CANCELLED.value}, open_)

    def owned(self, owner: str) -> set[str]:
        """Sweeps of an owner."""
        return set(self._database.scalars(select(sweeps.c.id).where(sweeps.c.owner == owner)))

    def unrecorded(self) -> list[SweepRow]:
        """Sweeps whose last change MLflow does not have."""
        found = self._database.mappings(select(*_ROW).where(sweeps.c.recorded < sweeps.c.revision).limit(20))
        return [_row(one) for one in found]

    def set_recorded(self, sweep: str, revision: int) -> None:
        """Note that MLflow has a revision."""
        self._database.change(update(sweeps).where(sweeps.c.id == sweep).values(recorded=revision))

    # -- parts of transactions -----------------------------------------------------------------------------------------

    def _add(self, connection: Connection, sweep: str, cells: Sequence[NewCell], files: Collection[str]) -> None:
        rows = [
            {
                "sweep": sweep,
                "number": cell.number,
                "position": cell.position,
                "at": cell.at,
                "hash": cell.hash,
                "pipeline": cell.pipeline,
                "graph": cell.graph,
                "removed": False,
                "attempt": 1,
                "job": None,
                "error": None,
            }
            for cell in cells
        ]
        for start in range(0, len(rows), _SOME):
            connection.execute(insert(sweep_cells), rows[start : start + _SOME])
        self._sql.insert_missing(connection, sweep_files, [{"sweep": sweep, "sha256": digest} for digest in files])

    def _change(self, connection: Connection, sweep: str, values: dict[str, Any], *conditions: Any) -> bool:
        values = {**values, "revision": sweeps.c.revision + 1, "changed_at": time.time()}
        statement = update(sweeps).where(sweeps.c.id == sweep, *conditions).values(**values)
        return connection.execute(statement).rowcount > 0


_ROW = [column for column in sweeps.c if column.name in SweepRow.__dataclass_fields__]


def _row(found: Any) -> SweepRow:
    return SweepRow(**{**found, "state": SweepState(found["state"])})


def _cell(found: Any, nodes: int, cached: int) -> CellRow:
    given = {name: found[name] for name in ("number", "position", "at", "hash", "removed", "attempt", "job")}
    error, job_error = (ErrorInfo.model_validate(one) if one else None for one in (found["error"], found["job_error"]))
    return CellRow(
        **given,
        error=error,
        status=JobStatus(found["status"]) if found["status"] else None,
        progress=found["progress"] or 0.0,
        nodes=nodes,
        nodes_cached=cached or 0,
        job_error=job_error,
    )


def _unpacked(packed: bytes) -> Graph:
    return Graph.model_validate_json(zlib.decompress(packed))
