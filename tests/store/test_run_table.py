"""The list of runs as a table: metrics as rows, conditions on them, orders, columns, marks and views."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, text

from schemas.errors import WorkbenchError
from schemas.runs import RunsView
from tests.store.samples import completed, make_job, whole_run
from workbench.store.columns import metrics_of
from workbench.store.database import Database
from workbench.store.job_deletion import JobDeletion
from workbench.store.job_marks import MarkChange, Marks
from workbench.store.job_metrics import MetricCondition
from workbench.store.jobs import JobStore
from workbench.store.known_columns import known_columns, known_tags
from workbench.store.listing import JobFilter
from workbench.store.migrations.run import configuration
from workbench.store.run_column import RunColumn, RunOrder
from workbench.store.tables import job_marks, job_metrics
from workbench.store.views import Views

WER, SPEED, VOICE = "metric:video.wer", "param:speech.speed", "param:speech.voice"


@pytest.fixture
def store(sql_url: str) -> JobStore:
    database = Database(sql_url)
    database.migrate()
    return JobStore(database)


def run(store: JobStore, job: str, wer: float | None = None, at: float = 0.0, **speech: Any) -> None:
    store.create(make_job(job, params={"speech": speech}, created_at=1_700_000_000.0 + at))
    metrics = {} if wer is None else {"wer": wer, "score": 1 - wer}
    store.apply(whole_run(job, {"video": {}}, metrics=metrics))


@pytest.fixture
def four(store: JobStore) -> JobStore:
    run(store, "a", 0.3, 1, speed=1.0, voice="calm")
    run(store, "b", 0.1, 2, speed=1.5, voice="loud")
    run(store, "c", None, 3, speed=0.5, voice="calm")
    run(store, "d", 0.1, 4, voice="calm")
    return store


def listed(store: JobStore, order: str = "-created", *conditions: str, **more: Any) -> str:
    metrics = [MetricCondition.parse(condition) for condition in conditions]
    wanted = JobFilter(metrics=metrics, order=RunOrder.parse(order), **more)
    return "".join(line.id for line in store.list(wanted).jobs)


def test_metrics_become_rows_also_those_of_cache_hits_and_of_a_result_that_replaces_another(store: JobStore) -> None:
    run(store, "a", 0.25)
    store.create(make_job("hit"))
    store.apply([completed("hit", 2, "video", {}, cached=True, metrics={"wer": 0.25})])
    again = completed("a", 9, "video", {}, epoch=2, metrics={"loss": 2.0})
    store.apply([again])
    store.apply([again])
    assert metrics_of(store.database, ["a", "hit"]) == {"a": {"video.loss": 2.0}, "hit": {"video.wer": 0.25}}
    JobDeletion(store.database).delete(["a"], tracked=False)
    assert [row.job for row in store.database.rows(select(job_metrics))] == ["hit"]


@pytest.mark.parametrize("given", ["", "a b", "wer<", "wer<=small", "wer>nan", "a.b.c=1", "x'--"])
def test_an_invalid_condition_on_a_metric_is_refused(given: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        MetricCondition.parse(given)
    assert (refused.value.code, refused.value.where) == ("request.invalid", "metric")


def test_lists_are_filtered_by_metrics(four: JobStore) -> None:
    assert listed(four, "created", "wer") == "abd"
    assert listed(four, "created", "video.wer<=0.1") == "bd"
    assert listed(four, "created", "wer>0.1", "score<0.8") == "a"
    assert listed(four, "created", "speech.wer") == listed(four, "created", "wer=7") == ""


def test_lists_are_sorted_by_any_column_with_missing_values_last(four: JobStore) -> None:
    assert listed(four) == "dcba" and listed(four, "created") == "abcd"
    assert listed(four, WER) == "dbac" and listed(four, f"-{WER}") == "adbc"
    assert listed(four, SPEED) == "cabd" and listed(four, f"-{SPEED}") == "bacd"
    assert listed(four, VOICE) == "dcab" and listed(four, f"-{VOICE}") == "bdca"
    assert listed(four, "seconds") == "dcba", "the later it was accepted, the shorter it took until the same end"
    assert listed(four, "metric:nobody.none") == "dcba"
    assert listed(four, WER, limit=2, offset=1) == "ba"


@pytest.mark.parametrize("given", ["", "name", "-", "--created", "metric:wer", "param:a.b c", "metric:a.b;--"])
def test_an_unknown_order_is_refused(given: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        RunOrder.parse(given)
    assert refused.value.where == "sort"


def test_lines_carry_the_values_of_the_wanted_columns(four: JobStore) -> None:
    columns = [RunColumn.parse(one) for one in (WER, SPEED, VOICE, "param:speech.none")]
    page = four.list(JobFilter(columns=columns, order=RunOrder.parse("created")))
    assert [line.values for line in page.jobs] == [
        {WER: 0.3, SPEED: 1.0, VOICE: "calm"},
        {WER: 0.1, SPEED: 1.5, VOICE: "loud"},
        {SPEED: 0.5, VOICE: "calm"},
        {WER: 0.1, VOICE: "calm"},
    ]


def test_the_columns_of_a_list_are_those_of_its_jobs_with_the_varying_ones_first(four: JobStore) -> None:
    found = known_columns(four.database, JobFilter(ids=["a", "b", "d"]))
    shown = [(str(one.column), one.count, one.varies, one.least, one.most) for one in found]
    assert shown == [
        ("metric:video.score", 3, True, 0.7, 0.9),
        (WER, 3, True, 0.1, 0.3),
        (SPEED, 2, True, 1.0, 1.5),
        (VOICE, 3, True, None, None),
    ]
    assert {one.service for one in found} == {"generate.animate", "generate.hibari_tts"}
    alone = known_columns(four.database, JobFilter(ids=["c"]))
    assert [(str(one.column), one.varies) for one in alone] == [(SPEED, False), (VOICE, False)]


def test_marks_are_changed_for_many_jobs_and_filter_the_list(four: JobStore) -> None:
    marks = Marks(four.database)
    assert marks.of(["a", "nobody"])["a"].tags == ("first", "demo"), "those of the submitted graph"
    marks.change(["a", "b", "nobody"], MarkChange(starred=True, rating=4, add_tags=["kept", 'ä"b']), "ada")
    marks.change(["b"], MarkChange(rating=2, remove_tags=["first"]), "ada")
    now = marks.of(["a", "b", "c"])
    assert (now["a"].starred, now["a"].rating, now["a"].tags) == (True, 4, ("first", "demo", "kept", 'ä"b'))
    assert (now["b"].starred, now["b"].rating, now["b"].tags) == (True, 2, ("demo", "kept", 'ä"b'))
    assert (now["c"].starred, now["c"].rating) == (False, None)
    assert listed(four, starred=True) == "ba" and listed(four, starred=False) == "dc"
    assert listed(four, rating=3) == "a" and listed(four, "-rating") == "abdc" and listed(four, "rating") == "badc"
    assert listed(four, tag="kept") == listed(four, tag='ä"b') == "ba" and listed(four, tag="first") == "dca"
    assert listed(four, tag="irst") == "", "a tag is compared as a whole"
    assert known_tags(four.database, None) == ["demo", "first", "kept", 'ä"b']
    assert known_tags(four.database, "somebody") == []
    marks.change(["a"], MarkChange(starred=False, rating=0, tags=["one"]), "ada")
    assert (marks.of(["a"])["a"].rating, marks.of(["a"])["a"].tags) == (None, ("one",))
    JobDeletion(four.database).delete(["a"], tracked=False)
    assert [row.job for row in four.database.rows(select(job_marks))] == ["b"]


def test_each_user_has_views_by_name(store: JobStore) -> None:
    views = Views(store.database)
    best = RunsView(name="best", filters={"metric": ["wer<0.1"], "starred": ["true"]}, columns=[WER], sort=WER)
    assert views.put("ada", best) and views.put("ada", RunsView(name="all"))
    assert views.put("ada", best.model_copy(update={"sort": f"-{WER}"}))
    assert [(view.name, view.sort) for view in views.of("ada")] == [("all", "-created"), ("best", f"-{WER}")]
    assert views.of("ada")[1].filters == best.filters and views.of("ben") == []
    assert views.remove("ada", "best") and not views.remove("ada", "best")


def test_results_from_before_the_migration_get_rows_too(sql_url: str) -> None:
    database = Database(sql_url)
    with database.write() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0013")
        store = JobStore(database)
        columns = (
            "id, request_hash, graph_hash, owner, pipeline, experiment, workflow_id, seed, lane, tags, graph, status, "
            "progress, created_at, tracking, tracking_tries, tracking_after"
        )
        values = "'old', '', '', 'local', '', 'e', 'w', 0, 'interactive', '[]', :graph, 'completed', 1, 1, '', 0, 0"
        connection.execute(text(f"INSERT INTO jobs ({columns}) VALUES ({values})"), {"graph": b"{}"})
        node = (
            "job, node, position, service, plane, share, status, attempt, worker, cached, content_key, metrics, "
            "event_epoch, event_seq"
        )
        for name, metrics in (("a", '{"wer": 0.5, "frames": 3, "odd": null}'), ("b", "{}"), ("c", '{"wer": 1}')):
            values = f"'old', '{name}', 0, 's', 'data', 1, 'completed', 1, 'w', false, '', :metrics, 0, 0"
            connection.execute(text(f"INSERT INTO node_results ({node}) VALUES ({values})"), {"metrics": metrics})
    assert database.migrate()
    found = sorted((row.node, row.metric, row.value) for row in store.database.rows(select(job_metrics)))
    assert found == [("a", "frames", 3.0), ("a", "wer", 0.5), ("c", "wer", 1.0)]
    database.close()
