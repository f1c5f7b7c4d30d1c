"""The connection to SQL: SQLite (WAL) or PostgreSQL by URL, faults as errors with a remedy, migrations."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Delete,
    Engine,
    Insert,
    Row,
    RowMapping,
    Select,
    Update,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import WorkbenchError

T = TypeVar("T")
REVISION = "0015"  # the newest migration; a test compares it with the folder
BUSY_TIMEOUT_S = 15.0
_MIGRATION_LOCK = 0x77626E63  # PostgreSQL advisory lock: an arbitrary number of our own


class Database:
    """One database. Thread-safe; transactions block."""

    def __init__(self, url: str) -> None:
        """Opens no connection. Raises WorkbenchError (settings.invalid) if the URL is not a SQLAlchemy URL."""
        try:
            parsed = make_url(url)
            self.dialect = parsed.get_backend_name()
            self.shown_url = parsed.render_as_string(hide_password=True)
            self.engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as fault:
            raise WorkbenchError(
                "settings.invalid",
                f"the database cannot be used: {fault}",
                where="WORKBENCH_SQL_URL",
                allowed="sqlite:////absolute/path.db, postgresql+psycopg://user:password@host/database",
                remedy="Correct WORKBENCH_SQL_URL, or install the driver that it names.",
            ) from fault
        driver: Any = self.engine.dialect.loaded_dbapi  # workbench.store.statements raises the driver's own exceptions
        self._faults: tuple[type[Exception], ...] = (
            *(OperationalError, InterfaceError, PoolTimeout),
            *(driver.OperationalError, driver.InterfaceError),
        )
        if parsed.database and self.dialect == "sqlite":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end of the block. On SQLite, it holds the write lock from the start.

        Raises WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
        """
        with self._translated_faults(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading. On SQLite, it neither waits for a writer nor blocks one."""
        with self._translated_faults(), self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    # A single statement in a transaction of its own

    def rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        with self.read() as connection:
            return connection.execute(query).all()

    def mappings(self, query: Select[*tuple[Any, ...]]) -> Sequence[RowMapping]:
        """The rows by column name."""
        with self.read() as connection:
            return connection.execute(query).mappings().all()

    def scalars(self, query: Select[T]) -> Sequence[T]:
        """The first column of all rows."""
        with self.read() as connection:
            return connection.execute(query).scalars().all()

    def scalar(self, query: Select[T]) -> T | None:
        """The first column of the first row; None if there is no row."""
        with self.read() as connection:
            return connection.execute(query).scalar()

    def change(self, statement: Delete | Insert | Update) -> int:
        """The number of rows that were added, changed or removed."""
        with self.write() as connection:
            return connection.execute(statement).rowcount

    def close(self) -> None:
        self.engine.dispose()

    @contextlib.contextmanager
    def _translated_faults(self) -> Iterator[None]:
        try:
            yield
        except self._faults as fault:
            raise self._error(fault) from fault

    def _error(self, fault: Exception) -> WorkbenchError:
        reason = str(fault.orig) if isinstance(fault, DBAPIError) else str(fault)
        if "disk is full" in reason:
            return WorkbenchError(
                "home.disk_full",
                "the disk that holds the database is full",
                where=self.shown_url,
                remedy="Free space on that disk. Running jobs then continue.",
            )
        if "readonly database" in reason or "unable to open database file" in reason:
            return WorkbenchError(
                "home.not_writable",
                "the database file cannot be opened for writing",
                where=self.shown_url,
                seen=reason,
                remedy="Check the owner and permissions of the file and its folder, or WORKBENCH_HOME.",
            )
        return WorkbenchError(
            "sql.unreachable",
            "the database is not available",
            where=self.shown_url,
            seen=reason,
            remedy="Check that it is running, and check WORKBENCH_SQL_URL. Nothing is lost: work continues afterwards.",
        )

    def revision(self) -> str | None:
        """The newest migration applied to the database, or None if it is empty."""
        with self.read() as connection:
            return _revision(connection)

    def migrate(self) -> bool:
        """Migrate the tables to this version of the code. Returns whether there was anything to do.

        A current database costs one query: Alembic (0.3 s) is imported only for actual migrations. Two processes may
        call this at once: the second waits and finds nothing to do. Raises WorkbenchError (sql.schema) if the database
        is newer than the code.
        """
        if self.revision() == REVISION:
            return False
        with self.write() as connection:
            if self.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            seen = _revision(connection)
            if seen == REVISION:
                return False
            from workbench.store.migrations.run import known_revisions, upgrade

            if seen is not None and seen not in known_revisions():
                raise WorkbenchError(
                    "sql.schema",
                    "the database was written by a newer version of the workbench",
                    where=self.shown_url,
                    seen=seen,
                    allowed=f"up to {REVISION}",
                    remedy="Upgrade this installation, or use another WORKBENCH_HOME.",
                )
            upgrade(connection)
        return True


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=10, pool_timeout=BUSY_TIMEOUT_S)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_size=5, max_overflow=20)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver starts no transactions; _begin_sqlite does
    cursor = connection.cursor()
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # accepted jobs survive a power failure, for 0.18 ms per commit
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # overwrites deleted rows, for 0.02 ms of CPU per deletion
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # While another process changes the mode of a new file, SQLite fails at once, without the busy timeout.
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if "locked" not in str(fault) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails with SQLITE_BUSY without waiting.
    reading = connection.get_execution_options().get("reading", False)
    # Uses the driver's cursor, because exec_driver_sql takes as long as the rest of a short transaction.
    connection.connection.cursor().execute("BEGIN" if reading else "BEGIN IMMEDIATE")
