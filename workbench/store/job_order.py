"""The ids of a list of jobs in the wanted order."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, select

from workbench.store.job_filter import JobFilter
from workbench.store.run_column import ColumnKind, RunColumn, Standing
from workbench.store.tables import job_marks, job_metrics, job_params, jobs


def ordered(wanted: JobFilter, conditions: list[ColumnElement[bool]]) -> Select[str]:
    """The ids of jobs that meet the conditions. Only ids, because rows are wide and their order needs few columns."""
    by, down = wanted.order.by, wanted.order.down
    statement = select(jobs.c.id).where(*conditions)
    newest = (jobs.c.created_at.desc(), jobs.c.id)
    if by is Standing.CREATED:
        return statement.order_by(*newest) if down else statement.order_by(jobs.c.created_at, jobs.c.id)
    keys: list[ColumnElement[float] | ColumnElement[str]]
    if by is Standing.SECONDS:
        keys = [jobs.c.finished_at - jobs.c.created_at]
    elif by is Standing.RATING:
        statement = statement.outerjoin(job_marks, job_marks.c.job == jobs.c.id)
        keys = [job_marks.c.rating]
    elif by.kind is ColumnKind.METRIC:
        own = job_metrics.c
        statement = statement.outerjoin(
            job_metrics, and_(own.job == jobs.c.id, own.node == by.node, own.metric == by.name)
        )
        keys = [own.value]
    else:
        statement, keys = _by_param(statement, by)
    return statement.order_by(*_last_without(keys, down), *newest)


def _by_param(
    statement: Select[str], by: RunColumn
) -> tuple[Select[str], list[ColumnElement[float] | ColumnElement[str]]]:
    """Numbers by their value, before texts."""
    own = job_params.c
    here = and_(own.job == jobs.c.id, own.node == by.node, own.param == by.name)
    return statement.outerjoin(job_params, here), [own.number, own.text]


def _last_without(
    keys: list[ColumnElement[float] | ColumnElement[str]], down: bool
) -> list[ColumnElement[float] | ColumnElement[str] | ColumnElement[bool]]:
    # "NULLS LAST" in the words of both databases
    return [part for key in keys for part in (key.is_(None), key.desc() if down else key.asc())]
