"""Write the next migration of the job store from what changed in workbench/store/tables.py.

    .venv/bin/python tools/new_migration.py "what changed"

Read the file it writes, then raise ``REVISION`` in workbench/store/database.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from workbench.store.database import Database
from workbench.store.migrations.run import configuration, known_revisions, upgrade


def write_migration(message: str) -> Path:
    """Write the next migration from what changed in ``tables.py`` and return its file."""
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
