"""Statements as text, for operations that run once per job or once per batch of events.

SQLAlchemy builds, hashes and binds a statement at each call and wraps its results, which takes 0.3 ms, and more while
that code is not in the processor's caches. The texts here are built once and sent to the driver with plain tuples. The
connection, its transaction and everything else are SQLAlchemy's. Both databases use the same texts, except for the
parameter marker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from workbench.store.tables import Json, to_json

Values = tuple[Any, ...]
Row = Mapping[str, Any]

_KEYS_PER_QUERY = 500  # SQLite accepts 32,766 bound values, but plans long IN lists slowly


class Statements:
    """Statements for one kind of database. Each runs within the transaction of the given connection."""

    def __init__(self, dialect: str) -> None:
        self._mark = "%s" if dialect == "postgresql" else "?"

    def run(self, connection: Connection, text: str, values: Values | list[Values]) -> Any:
        """Run a statement with a ``?`` per value; for a list of values, once for each. Returns the driver's cursor.

        Raises the driver's own exceptions, which ``Database`` handles like SQLAlchemy's.
        """
        cursor = connection.connection.cursor()
        run = cursor.executemany if isinstance(values, list) else cursor.execute
        run(_marked(text, self._mark), values)
        return cursor

    def select_in(self, connection: Connection, text: str, keys: Collection[str]) -> Iterator[Any]:
        """Rows of a statement that ends with ``IN``; this method adds the list of keys."""
        distinct = sorted(set(keys))
        for start in range(0, len(distinct), _KEYS_PER_QUERY):
            some = tuple(distinct[start : start + _KEYS_PER_QUERY])
            yield from self.run(connection, f"{text} ({_marks(len(some))})", some)

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Row]) -> int:
        """Insert the rows that do not exist yet. Returns their number."""
        inserted: int = self._insert(connection, table, rows, replace=False).rowcount if rows else 0
        return inserted

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert the rows, replacing existing ones."""
        if rows:
            self._insert(connection, table, rows, replace=True)

    def update(self, connection: Connection, table: Table, rows: Mapping[Values, Row]) -> None:
        """Update rows, given by primary key, each with the columns that change."""
        by_columns: dict[Values, list[Values]] = {}
        for key, row in rows.items():
            columns = tuple(sorted(row))
            by_columns.setdefault(columns, []).append((*_bind(table, columns)(row), *key))
        for columns, values in by_columns.items():
            self.run(connection, _update_text(table, columns), values)

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Row], *, replace: bool) -> Any:
        values = list(map(_bind(table, _columns(table)), rows))
        return self.run(connection, _insert_text(table, replace), values if len(values) > 1 else values[0])


@cache
def _marked(text: str, mark: str) -> str:
    return text.replace("?", mark)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


@cache
def _insert_text(table: Table, replace: bool) -> str:
    columns, keys = _columns(table), table.primary_key.columns.keys()
    change = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in keys)
    on_conflict = f"({', '.join(keys)}) DO UPDATE SET {change}" if replace else "DO NOTHING"
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({_marks(len(columns))}) ON CONFLICT {on_conflict}"


@cache
def _update_text(table: Table, columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = ?" for column in columns)
    key = " AND ".join(f"{column} = ?" for column in table.primary_key.columns.keys())  # noqa: SIM118
    return f"UPDATE {table.name} SET {changes} WHERE {key}"


@cache
def _columns(table: Table) -> tuple[str, ...]:
    return tuple(table.columns.keys())


@cache
def _bind(table: Table, columns: tuple[str, ...]) -> Callable[[Row], Values]:
    """A function from a row, which must have all these columns (at least two), to the values of a statement."""
    pick = itemgetter(*columns)
    as_json = [index for index, name in enumerate(columns) if isinstance(table.columns[name].type, Json)]

    def bind(row: Row) -> Values:
        values = list(pick(row))
        for index in as_json:
            values[index] = to_json(values[index])
        return tuple(values)

    return bind
