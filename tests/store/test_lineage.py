"""Lineage of files, on SQLite and on PostgreSQL (``WORKBENCH_TEST_SQL_URL``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import UnaryExpression

from schemas.api import FromJob, UsedBy
from tests.store.samples import completed, fake_ref, make_job
from workbench.store.database import Database
from workbench.store.jobs import JobStore
from workbench.store.lineage import lineage, makers, users


@pytest.fixture
def store(sql_url: str) -> JobStore:
    database = Database(sql_url)
    database.migrate()
    return JobStore(database)


def test_a_job_lists_the_related_jobs_that_the_user_may_see(store: JobStore) -> None:
    video = fake_ref("clip").model_dump(mode="json")
    chain = [("video", "generate.animate", "data"), ("final", "generate.remux", "data")]
    store.create(make_job("maker", nodes=chain, owner="ada", created_at=1.0))
    store.apply([completed("maker", 1, "video", {"video": video})])
    for number, owner in enumerate(("ada", "bob"), 2):
        reader = make_job(f"of-{owner}", nodes=chain, owner=owner, created_at=float(number), parent="maker")
        for node in reader.graph.nodes:  # referenced twice by one job: two lines, each listed once
            node.input = {"clip": video}
        store.create(reader)
    clip = fake_ref("clip").sha256
    seen = lineage(store.database, "maker")
    assert seen.used_by == [
        UsedBy(job=job, node=node, name="clip", sha256=clip)
        for job in ("of-bob", "of-ada")
        for node in ("final", "video")
    ]
    assert (seen.children, seen.parent, seen.from_) == (["of-bob", "of-ada"], None, [])
    hers = lineage(store.database, "maker", "ada")
    assert {line.job for line in hers.used_by} == {"of-ada"} and hers.children == ["of-ada"]
    back = lineage(store.database, "of-ada", "ada")
    assert back.parent == "maker" and back.from_ == [
        FromJob(sha256=clip, node=node, name="clip", job="maker", made_by="video", output="video", kind="video")
        for node in ("final", "video")
    ]
    his = lineage(store.database, "of-bob", "bob")
    assert (his.parent, his.from_) == (None, []), "the producing job belongs to another user"
    store.database.close()


@pytest.mark.parametrize("statement", [makers, users])
def test_postgresql_accepts_the_statements(statement: Callable[..., Select[Any]]) -> None:
    """PostgreSQL orders distinct rows only by selected columns; SQLite allows any column."""
    made = statement("job", true())
    text = str(made.compile(dialect=postgresql.dialect()))
    if made._distinct:
        assert text.startswith("SELECT DISTINCT")
        selected = {str(column) for column in made.selected_columns}
        ordered = [part.element if isinstance(part, UnaryExpression) else part for part in made._order_by_clauses]
        assert {str(column) for column in ordered} <= selected
