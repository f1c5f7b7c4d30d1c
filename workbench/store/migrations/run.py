"""Alembic, driven from code: there is no alembic.ini. Imported only where a database is behind.

A new migration: ``python tools/new_migration.py "what changed"`` writes a file into ``versions/`` from
the difference between the migrations so far and ``tables.py``; read it, then raise ``database.REVISION``.
"""

from __future__ import annotations

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
