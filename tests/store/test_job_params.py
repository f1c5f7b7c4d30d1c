"""Job parameters as rows: conditions are parsed, lists are filtered by them, and older jobs have them too."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, text

from schemas.errors import WorkbenchError
from tests.store.samples import fake_ref, make_job
from workbench.store.database import Database
from workbench.store.job_params import ParamCondition
from workbench.store.jobs import JobStore
from workbench.store.listing import JobFilter
from workbench.store.migrations.run import configuration
from workbench.store.tables import job_params


@pytest.fixture
def store(sql_url: str) -> JobStore:
    database = Database(sql_url)
    database.migrate()
    return JobStore(database)


@pytest.mark.parametrize(
    ("text", "node", "param", "sign", "value"),
    [
        ("speed", "", "speed", "", ""),
        ("speech.speed", "speech", "speed", "", ""),
        ("speed>=1.5", "", "speed", ">=", "1.5"),
        (" speech.speed <= 2 ", "speech", "speed", "<=", "2"),
        ("style=a = b", "", "style", "=", "a = b"),
        ("style!=", "", "style", "!=", ""),
    ],
)
def test_a_condition_is_parsed(text: str, node: str, param: str, sign: str, value: str) -> None:
    assert ParamCondition.parse(text) == ParamCondition(node, param, sign, value)


@pytest.mark.parametrize("text", ["", "a b", "speed>fast", "speed>nan", "speed<inf", "9x=1", "a.b.c=1", "x'--", "ü=1"])
def test_an_invalid_condition_is_refused(text: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        ParamCondition.parse(text)
    assert (refused.value.code, refused.value.where) == ("request.invalid", "parameter")


def found(store: JobStore, *conditions: str, **more: Any) -> list[str]:
    wanted = JobFilter(params=[ParamCondition.parse(condition) for condition in conditions], **more)
    return sorted(line.id for line in store.list(wanted).jobs)


def test_lists_are_filtered_by_parameters_and_by_spoken_text(store: JobStore) -> None:
    settings: dict[str, dict[str, Any]] = {
        "a": {
            "speech": {"speed": 1.0, "voice": "calm", "deep": {"x": [1]}},
            "script": {"prompt": "Why is 100% of it blue?"},
        },
        "b": {"speech": {"speed": 1.5, "on": True}, "video": {"speed": 9}, "script": {"script": "Blue is rare."}},
        "c": {"speech": {"voice": "1.0", "none": None, "ref": fake_ref("x").model_dump(mode="json")}},
    }
    for job, params in settings.items():
        store.create(make_job(job, params=params))
    assert found(store, "speed") == ["a", "b"]
    assert (
        found(store, "speed>=1.5") == ["b"]
        and found(store, "speech.speed>2") == []
        and found(store, "speed>2") == ["b"]
    )
    assert found(store, "speed!=1") == ["b"] and found(store, "voice=calm") == ["a"]
    assert found(store, "voice=1.0") == ["c"], "a text that looks like a number is found by its exact text"
    assert found(store, "on=true") == found(store, "on=1") == ["b"]
    assert found(store, "none") == found(store, "ref") == []
    assert found(store, 'deep={"x":[1]}') == ["a"]
    assert (
        found(store, text="BLUE") == ["a", "b"]
        and found(store, text="100%") == ["a"]
        and found(store, text="%") == ["a"]
    )
    assert found(store, "speed<2", text="rare") == ["b"]
    lines = {line.id: line.title for line in store.list().jobs}
    assert lines == {"a": "Why is 100% of it blue?", "b": "Blue is rare.", "c": ""}


def test_a_long_text_gets_a_short_title_and_is_found_by_any_part(store: JobStore) -> None:
    store.create(make_job("long", params={"script": {"script": "word\n" * 300 + "needle" + " word" * 100}}))
    line = store.list(JobFilter(text="needle")).jobs[0]
    assert len(line.title) <= 80 and line.title.endswith("word…") and "\n" not in line.title
    store.create(make_job("one", params={"script": {"script": "x" * 500}}))
    assert store.list(JobFilter(ids=["one"])).jobs[0].title == "x" * 79 + "…"


def test_the_title_is_the_request_and_not_the_prompt_of_a_later_node(store: JobStore) -> None:
    nodes = [
        ("script", "llm.generate_script", "control"),
        ("speech", "generate.f5_tts", "data"),
        ("animate", "generate.infinitetalk", "data"),
    ]
    stage = {"animate": {"prompt": "A man nods."}}
    given = {
        "prompt": {"script": {"prompt": "About the sea."}, **stage},
        "script": {"script": {"prompt": "About the sea.", "script": "The sea is wide."}, **stage},
        "alone": stage,
    }
    for job, params in given.items():
        store.create(make_job(job, params=params, nodes=nodes))
    titles = {line.id: line.title for line in store.list().jobs}
    assert titles == {"prompt": "About the sea.", "script": "The sea is wide.", "alone": "A man nods."}


def test_jobs_from_before_the_migration_get_parameters_too(sql_url: str) -> None:
    database = Database(sql_url)
    with database.write() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        job = make_job("old", params={"speech": {"speed": 1.25, "voice": "calm", "none": None}})
        columns = (
            "id, request_hash, graph_hash, owner, pipeline, experiment, workflow_id, seed, lane, tags, graph, status, "
            "progress, created_at, tracking, tracking_tries, tracking_after"
        )
        values = "'old', '', '', 'local', '', 'e', 'w', 0, 'interactive', '[]', :graph, 'completed', 1, 1, '', 0, 0"
        connection.execute(text(f"INSERT INTO jobs ({columns}) VALUES ({values})"), {"graph": job.graph.to_json()})
    assert database.migrate()
    with database.read() as connection:
        rows = connection.execute(select(job_params).order_by(job_params.c.param)).all()
    assert [tuple(row) for row in rows] == [
        ("old", "speech", "speed", "1.25", 1.25),
        ("old", "speech", "voice", "calm", None),
    ]
    database.close()
