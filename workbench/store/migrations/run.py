"""Alembic, driven from code: there is no alembic.ini. Imported only where a database is behind.

A new migration: ``python -m workbench.store.migrations.run "what changed"`` writes a file into ``versions/`` from
the difference between the migrations so far and ``tables.py``; read it, then raise ``database.REVISION``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Apply what is missing within the connection's transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known_revisions() -> set[str]:
    """Every revision this version of the code has a migration for."""
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def configuration() -> Config:
    """Alembic's settings."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def write_migration(message: str) -> Path:
    """Write the next migration from what changed in ``tables.py`` and return its file."""
    from workbench.store.database import Database

    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        config = configuration()
        with database.write() as connection:
            upgrade(connection)
            config.attributes["connection"] = connection
            number = f"{len(known_revisions()) + 1:04d}"
            script = command.revision(config, message, autogenerate=True, rev_id=number)
        database.close()
    assert script is not None and not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    print(write_migration(" ".join(sys.argv[1:]) or "change"))
