"""Which jobs a rule deletes, and what comes of a file: decided by SQL alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from schemas.errors import WorkbenchError
from schemas.event import EventType
from schemas.retention import CollectionRequest, RetentionRule
from tests.store.samples import completed, fake_ref, make_job, plain, running
from workbench.retention.derived_data import of_files, of_job
from workbench.retention.parts import Parts
from workbench.retention.selection import rule_of, select_by
from workbench.settings import load_settings
from workbench.store.grants import Grants
from workbench.store.jobs import JobStore

DAY_S = 24 * 3600.0
NODES = [("speech", "generate.hibari_tts", "data"), ("video", "generate.animate", "data")]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    settings = load_settings(home=tmp_path, sql_url=f"sqlite:///{tmp_path}/jobs.db")
    store = JobStore.open(settings)
    yield Parts(settings, store, cast(Any, None), cast(Any, None))
    store.close()


def ended(
    parts: Parts,
    job: str,
    *,
    days_ago: float = 0.0,
    given: str = "",
    makes: str = "",
    tags: tuple[str, ...] = (),
    end: EventType = EventType.JOB_COMPLETED,
) -> None:
    """A job whose node `speech` made the audio ``<job> speech``, and `video` of a portrait the video that is named."""
    new = make_job(job, nodes=NODES)
    new.graph.metadata["tags"] = list(tags)
    if given:
        new.graph.node("video").input["image"] = fake_ref(given).model_dump(mode="json", by_alias=True)
    new.graph.edges.clear()
    parts.store.create(new)
    at = time.time() - days_ago * DAY_S
    outputs = {"speech": f"{job} speech", "video": makes or f"{job} video"}
    events = [
        event
        for seq, (node, name) in enumerate(outputs.items())
        for event in (
            running(job, 2 * seq + 1, node, at),
            completed(job, 2 * seq + 2, node, {"file": fake_ref(name).model_dump(mode="json", by_alias=True)}),
        )
    ]
    parts.store.apply([*events, plain(job, 9, end, at=at)])


def test_the_old_and_then_the_oldest_are_deleted_and_tagged_jobs_stay(parts: Parts) -> None:
    ended(parts, "old", days_ago=40)
    ended(parts, "paper", days_ago=50, tags=("paper", "demo"))
    ended(parts, "failed", days_ago=35, end=EventType.JOB_FAILED)
    ended(parts, "week", days_ago=7)
    ended(parts, "new")
    parts.store.create(make_job("waiting"))
    grants = Grants(parts.store.database)
    for name in ("unused", "new video"):
        grants.add_upload("ann", fake_ref(name), {})
    with parts.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE uploads SET created_at = ?", (time.time() - 60 * DAY_S,))
    rule = RetentionRule(older_than="30d", keep_tags=["paper"])
    chosen = select_by(parts, rule)
    assert chosen.jobs == ["old", "failed"] and chosen.claims == [("ann", fake_ref("unused").sha256)]
    assert select_by(parts, RetentionRule()).jobs == []
    # Each job made two artifacts of seven bytes: with room for four, the next oldest goes too.
    fits = select_by(parts, rule.model_copy(update={"max_gib": 28 / 2**30}))
    assert fits.jobs == ["old", "failed", "week"]
    assert select_by(parts, RetentionRule(max_gib=1.0)).jobs == []


def test_a_rule_is_refused_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"older_than": "30"}, {"older_than": "a month"}, {"max_gib": 0}, {"older_than": "-1d"}):
        with pytest.raises(ValidationError):
            CollectionRequest.model_validate(wrong)
    monkeypatch.setenv("WORKBENCH_RETENTION_OLDER_THAN", "soon")
    with pytest.raises(WorkbenchError) as refused:
        load_settings()
    assert refused.value.where == "WORKBENCH_RETENTION_OLDER_THAN"
    monkeypatch.setenv("WORKBENCH_RETENTION_OLDER_THAN", "12h")
    monkeypatch.setenv("WORKBENCH_RETENTION_KEEP_TAGS", " paper,,talk ")
    assert rule_of(load_settings()) == RetentionRule(older_than="12h", keep_tags=["paper", "talk"])
    monkeypatch.delenv("WORKBENCH_RETENTION_OLDER_THAN")
    assert rule_of(load_settings()) is None, "tags alone delete nothing"


def test_what_came_of_a_file_is_found_through_all_jobs_and_nothing_else(parts: Parts) -> None:
    ended(parts, "first", given="portrait")
    ended(parts, "second", given="first video")  # takes what the first made of the portrait
    ended(parts, "third", given="second video")
    ended(parts, "voice", given="first speech")  # takes what the first made of something else
    ended(parts, "same", makes="first video")  # made the same bytes of something else
    found = of_files(parts, [fake_ref("portrait").sha256])
    assert list(found.jobs) == ["first", "second", "third"]
    assert found.files == {fake_ref(name).sha256 for name in ("portrait", "first video", "second video", "third video")}
    record = parts.store.get("second")
    assert record is not None
    of_one = of_job(parts, record)
    assert list(of_one.jobs) == ["second", "third"] and fake_ref("second speech").sha256 in of_one.files
    freed = {item.sha256 for item in parts.references.freed_by(set(found.jobs))}
    assert fake_ref("third speech").sha256 in freed, "what a removed job made of other things goes with it"
    assert not {fake_ref(name).sha256 for name in ("first video", "first speech")} & freed, "others name these"
