"""Views of the list of runs in SQL: filters, columns and an order under a name that a user chose."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from schemas.runs import RunsView
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import views

MOST = 200  # per owner


class Views:
    """The views of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def of(self, owner: str) -> Sequence[RunsView]:
        """A user's views by name."""
        columns = views.c
        found = self._database.mappings(select(views).where(columns.owner == owner).order_by(columns.name))
        return [RunsView.model_validate({name: row[name] for name in RunsView.model_fields}) for row in found]

    def put(self, owner: str, view: RunsView) -> bool:
        """Store a view, or replace the one with this name. Returns False if the user has too many."""
        row = {"owner": owner, "changed_at": time.time(), **view.model_dump()}
        columns = views.c
        others = (columns.owner == owner) & (columns.name != view.name)
        with self._database.write() as connection:
            if connection.execute(select(func.count()).select_from(views).where(others)).scalar_one() >= MOST:
                return False
            self._sql.upsert(connection, views, [row])
        return True

    def remove(self, owner: str, name: str) -> bool:
        """Remove a view. Returns whether it existed."""
        return self._database.change(delete(views).where((views.c.owner == owner) & (views.c.name == name))) > 0
