"""Typical durations of services, the basis of all time estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from sqlalchemy import select

from workbench.store.database import Database
from workbench.store.job_params import SPOKEN
from workbench.store.tables import job_params, node_results

LAST_RUNS = 10
SEARCHED_RUNS = 60  # most recent runs of a service that are searched for equal settings


@dataclass(frozen=True)
class Typical:
    """The typical duration of a node.

    Attributes:
        jobs: the jobs whose runs it is based on.
    """

    seconds: float
    jobs: frozenset[str]


def typical_seconds(database: Database, services: Iterable[str]) -> dict[str, float]:
    """Median wall seconds of each service's last runs without a cache hit; services without such runs are omitted."""
    found: dict[str, float] = {}
    columns = node_results.c
    with database.read() as connection:
        for service in sorted(set(services)):
            statement = (
                select(columns.seconds)
                .where(columns.service == service, columns.status == "completed", columns.cached.is_(False))
                .where(columns.seconds.is_not(None))
                .order_by(columns.finished_at.desc())
                .limit(LAST_RUNS)
            )
            seconds = list(connection.execute(statement).scalars())
            if seconds:
                found[service] = median(seconds)
    return found


def typical_with(
    database: Database, service: str, settings: Mapping[str, str], defaults: Mapping[str, str]
) -> Typical | None:
    """The typical duration of a service with these settings: from its last runs with equal settings, else from all.

    Args:
        settings: the given parameters, as in the rows of ``job_params``.
        defaults: the values of parameters that are not given. Prompts and scripts are not compared.
    """
    columns = node_results.c
    runs = (
        select(columns.job, columns.node, columns.seconds)
        .where(columns.service == service, columns.status == "completed", columns.cached.is_(False))
        .where(columns.seconds.is_not(None))
        .order_by(columns.finished_at.desc())
        .limit(SEARCHED_RUNS)
    )
    with database.read() as connection:
        found = connection.execute(runs).all()
        rows = connection.execute(
            select(job_params.c.job, job_params.c.node, job_params.c.param, job_params.c.text).where(
                job_params.c.job.in_({run.job for run in found}), job_params.c.param.not_in(SPOKEN)
            )
        ).all()
    were: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        were.setdefault((row.job, row.node), {})[row.param] = row.text
    wanted = {**defaults, **{name: text for name, text in settings.items() if name not in SPOKEN}}
    alike = [run for run in found if {**defaults, **were.get((run.job, run.node), {})} == wanted]
    chosen = (alike or found)[:LAST_RUNS]
    if not chosen:
        return None
    return Typical(median(run.seconds for run in chosen), frozenset(run.job for run in chosen))
