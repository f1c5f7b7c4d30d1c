"""Past runs of services, the basis of all time estimates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from statistics import median
from typing import NamedTuple

from sqlalchemy import Connection, select

from workbench.store.database import Database
from workbench.store.job_params import SPOKEN
from workbench.store.tables import artifacts, job_artifacts, job_params, node_results

LAST_RUNS = 10
SEARCHED_RUNS = 60  # most recent runs of a service that are searched for equal settings


class PastRun(NamedTuple):
    """A completed run of a service without a cache hit.

    Attributes:
        length_s: the length of the job in seconds: its longest audio or video, of those that it made or, if it made
            none, of those that it was given; None if it has none.
    """

    job: str
    seconds: float
    length_s: float | None


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


def past_runs(
    database: Database, service: str, settings: Mapping[str, str], defaults: Mapping[str, str]
) -> list[PastRun]:
    """The last runs of a service with these settings, or else its last runs with any; newest first.

    All workers that provide a service are of the pool that it declares, so these are runs of one pool.

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
        lengths = _lengths(connection, {run.job for run in chosen})
    return [PastRun(run.job, run.seconds, lengths.get(run.job)) for run in chosen]


def text_lengths(database: Database, services: Collection[str], jobs: Collection[str] | None = None) -> dict[str, int]:
    """job -> characters of the longest text that one of these services made in it.

    Args:
        jobs: these jobs; None for the last runs of the services.
    """
    columns = node_results.c
    statement = select(columns.job, columns.output).where(
        columns.service.in_(services), columns.status == "completed", columns.output.is_not(None)
    )
    if jobs is None:
        statement = statement.order_by(columns.finished_at.desc()).limit(LAST_RUNS)
    else:
        statement = statement.where(columns.job.in_(jobs))
    found: dict[str, int] = {}
    with database.read() as connection:
        for job, output in connection.execute(statement):
            texts = [len(text) for text in output.values() if isinstance(text, str)]
            found[job] = max([found.get(job, 0), *texts])
    return found


def _lengths(connection: Connection, jobs: Collection[str]) -> dict[str, float]:
    """The lengths of jobs (``PastRun.length_s``); jobs without audio and video are omitted."""
    named = job_artifacts.c
    statement = (
        select(named.job, named.role, artifacts.c.facts)
        .join(artifacts, artifacts.c.sha256 == named.sha256)
        .where(named.job.in_(jobs), artifacts.c.kind.in_(("audio", "video")))
    )
    longest: dict[tuple[str, str], float] = {}
    for job, role, facts in connection.execute(statement):
        if (length_s := facts.get("durationS")) is not None:
            longest[job, role] = max(longest.get((job, role), 0.0), float(length_s))
    chosen = {job: longest.get((job, "output"), longest.get((job, "input"))) for job in jobs}
    return {job: length_s for job, length_s in chosen.items() if length_s}
