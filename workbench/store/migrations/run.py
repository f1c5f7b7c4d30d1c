"""Runs Alembic from code, without alembic.ini. Imported only if a database needs migrations.

To add a migration, run ``python tools/new_migration.py "what changed"``. It writes a file into ``versions/`` from the
difference between the existing migrations and ``tables.py``. Review the file, then increase ``database.REVISION``.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Apply missing migrations within the connection's transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known_revisions() -> set[str]:
    """All revisions that this version of the code has a migration for."""
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def configuration() -> Config:
    """The configuration of Alembic."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
