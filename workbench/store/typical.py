"""What services usually take: the basis of every expected time."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from sqlalchemy import select

from workbench.store.database import Database
from workbench.store.tables import node_results

LAST_RUNS = 10


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
