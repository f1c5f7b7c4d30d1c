"""The database: migrations create the declared tables, a current one costs nothing, and errors are named."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from schemas.errors import WorkbenchError
from workbench.settings import Settings
from workbench.store.database import REVISION, Database
from workbench.store.jobs import JobStore
from workbench.store.migrations.run import known_revisions
from workbench.store.tables import metadata


def test_migrations_create_exactly_the_declared_tables(sql_url: str) -> None:
    database = Database(sql_url)
    assert database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert database.revision() == REVISION == max(known_revisions())
    database.close()


def test_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    Database(url).migrate()
    code = f"import sys; from workbench.store.database import Database; d = Database({url!r})\n"
    code += "assert not d.migrate(); assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_two_concurrent_migrations_run_once(sql_url: str) -> None:
    did: list[bool] = []
    together = threading.Barrier(2)

    def migrate() -> None:
        database = Database(sql_url)
        together.wait()
        did.append(database.migrate())
        database.close()

    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, True]


def test_a_newer_database_is_not_changed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/jobs.db")
    database.migrate()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WorkbenchError) as refused:
        database.migrate()
    assert (refused.value.code, refused.value.seen) == ("sql.schema", "9999")


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/db", "sqlite+nosuch:///x"])
def test_an_invalid_database_url_names_the_setting(url: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        Database(url)
    assert (refused.value.code, refused.value.where) == ("settings.invalid", "WORKBENCH_SQL_URL")


def test_a_missing_database_url_names_the_setting() -> None:
    with pytest.raises(WorkbenchError) as refused:
        JobStore.open(Settings(sql_url=""))
    assert refused.value.code == "settings.invalid"


def test_a_file_that_is_a_folder_is_not_writable(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError) as caught:
        Database(f"sqlite:///{tmp_path}").migrate()
    assert caught.value.code == "home.not_writable"


def test_workers_import_neither_sql_nor_mlflow() -> None:
    code = "import sys, workbench.store.objects, workbench.store.local_cache\n"
    code += "assert not {'sqlalchemy', 'mlflow', 'alembic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_tracker_does_not_import_mlflow() -> None:
    code = "import sys, workbench.store.tracking\nassert 'mlflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
