"""What services usually take: the basis of every expected time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from sqlalchemy import select

from workbench.store.database import Database
from workbench.store.job_params import SPOKEN
from workbench.store.tables import job_params, node_results

LAST_RUNS = 10
LOOKED_AT = 60  # runs of a service among which those with the same settings are looked for


@dataclass(frozen=True)
class Typical:
    """What a node usually takes.

    Attributes:
        jobs: the jobs by whose runs it is told.
    """

    seconds: float
    jobs: frozenset[str]


def typical_seconds(database: Database, services: Iterable[str]) -> dict[str, float]:
    """Median wall seconds of each service's last runs that were really computed; absent where there are none."""
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
    """The same of a service that is set like this: by its last runs that were, else by its last runs of all.

    Args:
        settings: what is set, as the rows of ``job_params`` have it.
        defaults: what counts where nothing is set. Texts that are spoken are not compared.
    """
    columns = node_results.c
    runs = (
        select(columns.job, columns.node, columns.seconds)
        .where(columns.service == service, columns.status == "completed", columns.cached.is_(False))
        .where(columns.seconds.is_not(None))
        .order_by(columns.finished_at.desc())
        .limit(LOOKED_AT)
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
