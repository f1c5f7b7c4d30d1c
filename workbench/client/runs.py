"""The list of runs as a table, for all front ends: its columns, marks and deletion of many, export, saved views."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.runs import (
    DeletedMany,
    JobIds,
    JobMarks,
    KnownColumn,
    KnownColumns,
    Marks,
    NotDeleted,
    RunsTable,
    RunsView,
    ViewValues,
)
from workbench.client.access import User, changeable, need_runner, reader
from workbench.client.deletion import delete
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import declared
from workbench.store import known_columns as known
from workbench.store.job_marks import Mark, MarkChange
from workbench.store.job_marks import Marks as MarkStore
from workbench.store.listing import JobFilter, JobLine, ids_of
from workbench.store.run_column import ColumnKind, RunColumn, RunOrder
from workbench.store.views import MOST, Views

MOST_IDS = 20_000
_PAGE = 1000
_FIRST = (
    "job",
    "status",
    "pipeline",
    "experiment",
    "owner",
    "created",
    "seconds",
    "title",
    "starred",
    "rating",
    "tags",
)


def columns_of(deployment: Deployment, user: User, wanted: JobFilter) -> KnownColumns:
    """The parameters and metrics that the matching jobs have, those that vary first; and all tags in use."""
    found = known.known_columns(deployment.store.database, wanted)
    return KnownColumns(
        columns=[_described(one) for one in found],
        tags=known.known_tags(deployment.store.database, reader(user)),
    )


def _described(one: known.KnownColumn) -> KnownColumn:
    column, more = one.column, {}
    if column.kind is ColumnKind.METRIC:
        if metric := declared(one.service).get(column.name):
            more = {"unit": metric.unit, "better": metric.better, "meaning": metric.meaning}
    elif (declaration := services().get(one.service)) and (field := declaration.params.model_fields.get(column.name)):
        more = {"title": field.title or "", "meaning": field.description or ""}
    kind = "boolean" if one.boolean else "text" if one.least is None else "number"
    return KnownColumn.model_validate(
        {
            "id": str(column),
            "kind": column.kind.value,
            "node": column.node,
            "name": column.name,
            "type": kind,
            "count": one.count,
            "varies": one.varies,
            "least": one.least,
            "most": one.most,
            **more,
        }
    )


def ids_matching(deployment: Deployment, wanted: JobFilter) -> JobIds:
    """The ids of all matching jobs, up to ``MOST_IDS``, so that one acts on what one saw and not on later jobs."""
    with deployment.store.database.read() as connection:
        found = ids_of(connection, wanted, MOST_IDS)
    total = len(found)
    if total == MOST_IDS:
        total = deployment.store.list(wanted.model_copy(update={"limit": 1, "offset": 0})).total
    return JobIds(jobs=found, total=total)


def mark(deployment: Deployment, user: User, job: str, marks: Marks) -> JobMarks:
    """Replace the marks of a job. Raises WorkbenchError: job.unknown, access.forbidden."""
    change = MarkChange(starred=marks.starred, rating=marks.rating or 0, tags=marks.tags)
    return mark_many(deployment, user, [job], change)[0]


def mark_many(deployment: Deployment, user: User, jobs: Sequence[str], change: MarkChange) -> list[JobMarks]:
    """Change the marks of jobs: of all or, if the user may not change one of them, of none.

    Raises WorkbenchError: job.unknown, access.forbidden.
    """
    need_runner(user)
    ids = list(dict.fromkeys(jobs))
    store = MarkStore(deployment.store.database)
    before = store.of(ids)
    for job in ids:
        if job not in before or not user.may_change(before[job].owner):
            changeable(user, deployment.job(job))  # raises the error that says why
    after = store.change(ids, change, user.name)
    return [_job_marks(job, after[job]) for job in ids if job in after]


def _job_marks(job: str, now: Mark) -> JobMarks:
    return JobMarks(job_id=job, starred=now.starred, rating=now.rating, tags=list(now.tags))


def delete_many(deployment: Deployment, user: User, jobs: Sequence[str]) -> DeletedMany:
    """Delete finished jobs, one after the other, and say which were not deleted and why.

    Raises WorkbenchError: access.forbidden for viewers; sql.unreachable.
    """
    need_runner(user)
    answer = DeletedMany(deleted=[], left=[])
    for job in dict.fromkeys(jobs):
        try:
            changeable(user, deployment.job(job))
            notes = delete(deployment, job)
        except WorkbenchError as error:
            if error.code not in ("job.unknown", "job.not_final", "access.forbidden"):
                raise
            answer.left.append(NotDeleted(job_id=job, reason=error.message))
        else:
            answer.deleted.append(job)
            answer.notes += [note for note in notes if note not in answer.notes]
    return answer


def lines_of(deployment: Deployment, wanted: JobFilter, limit: int | None = None) -> Iterator[JobLine]:
    """All matching lines in order, in pages."""
    offset = 0
    while limit is None or offset < limit:
        count = _PAGE if limit is None else min(_PAGE, limit - offset)
        page = deployment.store.list(wanted.model_copy(update={"limit": count, "offset": offset}))
        yield from page.jobs
        offset += len(page.jobs)
        if len(page.jobs) < count:
            return


def table_of(deployment: Deployment, wanted: JobFilter, limit: int | None = None) -> RunsTable:
    """All matching runs with the wanted columns."""
    columns = [str(column) for column in wanted.columns]
    rows = [_row(line, columns) for line in lines_of(deployment, wanted, limit)]
    return RunsTable(columns=[*_FIRST, *columns], rows=rows)


def _row(line: JobLine, columns: Sequence[str]) -> list[Any]:
    seconds = None if line.finished_at is None else round(max(0.0, line.finished_at - line.created_at), 3)
    created = datetime.fromtimestamp(line.created_at, UTC).isoformat(timespec="seconds")
    first = [line.id, line.status.value, line.pipeline or line.workflow_id, line.experiment, line.owner, created]
    return [
        *first,
        seconds,
        line.title,
        line.starred,
        line.rating,
        line.tags,
        *(line.values.get(column) for column in columns),
    ]


def csv_of(table: RunsTable) -> str:
    """The table as CSV: UTF-8, comma, one line a run, tags separated by ";". Texts never start a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    tags = table.columns.index("tags")
    for row in table.rows:
        given = [*row]
        given[tags] = ";".join(row[tags])
        writer.writerow([_cell(value) for value in given])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text  # spreadsheets run formulas


def views_of(deployment: Deployment, user: User) -> list[RunsView]:
    """The user's views by name."""
    return list(Views(deployment.store.database).of(user.name))


def keep_view(deployment: Deployment, user: User, name: str, values: ViewValues) -> RunsView:
    """Save a view under a name; replaces an earlier one.

    Raises WorkbenchError (request.invalid) for a column or an order that cannot exist, or if there are too many views.
    """
    for column in values.columns:
        RunColumn.parse(column, "columns")
    RunOrder.parse(values.sort)
    view = RunsView(name=name, **values.model_dump())
    if not Views(deployment.store.database).put(user.name, view):
        raise WorkbenchError(
            "request.invalid",
            f"{user.name} already has {MOST} views",
            where="name",
            allowed=f"at most {MOST}",
            remedy="Delete a view that you no longer use.",
        )
    return view


def delete_view(deployment: Deployment, user: User, name: str) -> bool:
    """Delete a view. Returns whether it existed."""
    return Views(deployment.store.database).remove(user.name, name)
