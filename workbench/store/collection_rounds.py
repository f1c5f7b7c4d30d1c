"""Coordinates the acceptance of jobs with the removal of bytes, through rows in SQL.

A collection removes bytes in rounds: it opens a round, finds out for the last time which artifacts are referenced,
removes bytes, and closes the round. The acceptance of a job remembers the round that it saw before it looked up results
and files. The job's rows are written only if that is still the newest round and no round is open. So either a job is in
SQL before the collection checks references, and its artifacts are kept, or its acceptance starts again.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator

import structlog
from sqlalchemy import Connection, Select, delete, select, update

from schemas.errors import WorkbenchError
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import deployment

log = structlog.get_logger(__name__)
ROUND, COLLECTOR = "collection", "collector"
ROUND_S = 20.0  # the round of a collector that died counts as closed after this time
LEASE_S = 60.0
POLL_S = 0.02
_ROUND = "SELECT value FROM bench WHERE key = 'collection'"


class RoundChanged(Exception):
    """Bytes were removed after the job's results and files were looked up, so look them up again."""


class CollectionRounds:
    """The collection rounds of a deployment. Raises WorkbenchError: sql.unreachable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)
        self._name = secrets.token_hex(8)  # of this collector

    # -- for the acceptance of jobs

    def wait_until_closed(self) -> str:
        """The newest round, once it is closed. Blocks while it is open, for a dead collector at most ``ROUND_S``."""
        while True:
            with self._database.read() as connection:
                seen = str(self._sql.run(connection, _ROUND, ()).fetchone()[0])
            if not _open(seen):
                return seen
            time.sleep(POLL_S)

    # -- for the collector

    @contextlib.contextmanager
    def collector(self, wait_s: float = 0.0) -> Iterator[None]:
        """Hold the lease of the deployment's only collector during the block. Raises WorkbenchError (deletion.busy)."""
        until = time.monotonic() + wait_s
        while not self._take():
            if time.monotonic() >= until:
                raise _busy()
            time.sleep(0.1)
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(stop,), name="collector", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            stop.set()
            renewing.join()
            with self._database.write() as connection:
                mine = (deployment.c.key == COLLECTOR) & deployment.c.value.startswith(self._name)
                connection.execute(delete(deployment).where(mine))

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Open a round: no job is accepted until the block ends. It may last at most ``ROUND_S``."""
        self._set(time.time() + ROUND_S, raised=1)
        try:
            yield
        finally:
            self._set(0.0, raised=0)

    def _set(self, until: float, raised: int) -> None:
        with self._database.write() as connection:
            number = int(str(connection.execute(_locked()).scalar_one()).split()[0]) + raised
            if _holder(connection)[0] != self._name:
                raise _busy()  # this process was suspended for so long that another one took over
            connection.execute(
                update(deployment).where(deployment.c.key == ROUND).values(value=f"{number} {until:.3f}")
            )

    def _take(self) -> bool:
        with self._database.write() as connection:
            connection.execute(_locked())  # serialises concurrent transactions
            holder, until = _holder(connection)
            if until > time.time() and holder != self._name:
                return False
            self._hold(connection)
        return True

    def _renew(self, stop: threading.Event) -> None:
        while not stop.wait(LEASE_S / 4):
            try:
                with self._database.write() as connection:
                    self._hold(connection)
            except WorkbenchError as error:  # the lease may expire; the next round detects it
                log.warning("collector not renewed", code=error.code, seen=error.seen)

    def _hold(self, connection: Connection) -> None:
        value = f"{self._name} {time.time() + LEASE_S:.3f}"
        self._sql.upsert(connection, deployment, [{"key": COLLECTOR, "value": value}])


def check_round(sql: Statements, connection: Connection, dialect: str, seen: str) -> None:
    """Called in the transaction that writes a job's rows. Raises RoundChanged if they must not be written now.

    On PostgreSQL, the lock makes a collector that opens a round wait for this transaction; SQLite has a single writer.
    """
    text = _ROUND if dialect == "sqlite" else f"{_ROUND} FOR SHARE"
    now = str(sql.run(connection, text, ()).fetchone()[0])
    if now.split()[0] != seen.split()[0] or _open(now):
        raise RoundChanged


def _open(value: str) -> bool:
    return float(value.split()[1]) > time.time()


def _locked() -> Select[tuple[str]]:
    return select(deployment.c.value).where(deployment.c.key == ROUND).with_for_update()


def _holder(connection: Connection) -> tuple[str, float]:
    held = connection.execute(select(deployment.c.value).where(deployment.c.key == COLLECTOR)).scalar()
    name, _, until = (held or "").partition(" ")
    return name, float(until or 0)


def _busy() -> WorkbenchError:
    return WorkbenchError(
        "deletion.busy",
        "another collection or erasure is running",
        where="this deployment",
        remedy="Try again after it has ended, within a minute.",
    )
