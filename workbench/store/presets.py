"""Presets in SQL: parameters of a pipeline under a name that their owner chose."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import and_, delete, func, select

from schemas.api import Preset, PresetValues
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import presets

MOST = 200  # per owner


class Presets:
    """The presets of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def of(self, owner: str, pipeline: str | None = None) -> Sequence[Preset]:
        """An owner's presets, ordered by pipeline and name."""
        columns = presets.c
        statement = select(presets).where(columns.owner == owner).order_by(columns.pipeline, columns.name)
        if pipeline is not None:
            statement = statement.where(columns.pipeline == pipeline)
        fields = Preset.model_fields.keys()
        found = self._database.mappings(statement.limit(MOST))
        return [Preset.model_validate({name: row[name] for name in fields}) for row in found]

    def put(self, owner: str, pipeline: str, name: str, values: PresetValues) -> bool:
        """Store a preset, or replace the one with this name. Returns False if the owner has too many."""
        row = {
            "owner": owner,
            "pipeline": pipeline,
            "name": name,
            "doc": values.doc,
            "params": values.params,
            "leave_out": values.leave_out,
            "changed_at": time.time(),
        }
        columns = presets.c
        others = and_(columns.owner == owner, (columns.pipeline != pipeline) | (columns.name != name))
        with self._database.write() as connection:
            if connection.execute(select(func.count()).select_from(presets).where(others)).scalar_one() >= MOST:
                return False
            self._sql.upsert(connection, presets, [row])
        return True

    def remove(self, owner: str, pipeline: str, name: str) -> bool:
        """Remove a preset. Returns whether it existed."""
        columns = presets.c
        here = (columns.owner == owner) & (columns.pipeline == pipeline) & (columns.name == name)
        return self._database.change(delete(presets).where(here)) > 0
