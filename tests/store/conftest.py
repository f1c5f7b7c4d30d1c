"""The database of the SQL tests: SQLite, or the one in WORKBENCH_TEST_SQL_URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text


@pytest.fixture
def sql_url(tmp_path: Path) -> Iterator[str]:
    """URL of an empty database: a SQLite file, or a fresh schema in that PostgreSQL database."""
    server = os.environ.get("WORKBENCH_TEST_SQL_URL", "")
    if not server:
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    schema = f"t_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    here = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
    yield here.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()
