"""The list of runs as a table over HTTP: metric filters, orders, columns, marks, actions on many, export, views."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import pytest

from tests.app.api.conftest import Asking, Client, refused
from tests.app.api.test_jobs import probe, submit
from tests.live import LiveDeployment

pytestmark = pytest.mark.stack

LENGTH, VALUE = "metric:a.length", "param:a.value"


@pytest.fixture
def experiment(live: LiveDeployment, asking: Asking) -> str:
    """An experiment with four finished runs, whose metric is the length of their value."""
    name, api = f"e{uuid.uuid4().hex[:8]}", asking("ada/runner")
    for value in ("one", "three", "fourteen"):
        live.finish(submit(api, {"a": probe(value)}, experiment=name))
    live.finish(submit(api, {"a": probe("three"), "b": probe("=1+1")}, experiment=name))
    return name


def values(client: Client, experiment: str, **query: Any) -> list[Any]:
    answer = client.get("/api/jobs", params={"experiment": experiment, "column": [VALUE, LENGTH], **query})
    assert answer.status_code == 200, answer.text
    return [(one["values"].get(VALUE), one["values"].get(LENGTH)) for one in answer.json()["jobs"]]


def ids(client: Client, experiment: str, **query: Any) -> list[str]:
    answer = client.get("/api/job-ids", params={"experiment": experiment, "sort": "created", **query}).json()
    assert answer["total"] == len(answer["jobs"])
    found: list[str] = answer["jobs"]
    return found


def test_the_list_is_sorted_filtered_and_shows_columns(api: Client, experiment: str) -> None:
    assert values(api, experiment, sort=f"-{LENGTH}")[0] == ("fourteen", 8.0)
    assert values(api, experiment, sort=VALUE, metric="a.length<8") == [("one", 3.0), ("three", 5.0), ("three", 5.0)]
    assert values(api, experiment, metric=["a.length>3", "length<=5"], parameter="a.value=three")[0][1] == 5
    assert values(api, experiment, metric="b.length", limit=1, offset=0) == [("three", 5.0)]
    refused(api.get("/api/jobs", params={"metric": "a.length<short"}), 422, "request.invalid")
    for bad in ({"sort": "name"}, {"column": "length"}, {"rating": 9}, {"starred": "perhaps"}, {"tag": ""}):
        refused(api.get("/api/jobs", params=bad), 422, "request.invalid")


def test_the_columns_say_what_the_runs_have(api: Client, asking: Asking, experiment: str) -> None:
    found = api.get("/api/columns", params={"experiment": experiment}).json()["columns"]
    by_id = {one["id"]: one for one in found}
    length = by_id[LENGTH]
    assert (length["type"], length["count"], length["least"], length["most"]) == ("number", 4, 3.0, 8.0)
    assert (length["unit"], length["better"], length["meaning"]) == ("characters", "higher", "Length of the output.")
    assert by_id[VALUE]["type"] == "text" and by_id[VALUE]["varies"]
    varying = [one["varies"] for one in found]
    assert varying == sorted(varying, reverse=True) and not all(varying)
    assert asking("ben/runner").get("/api/columns", params={"experiment": experiment}).json()["columns"] == []


def test_marks_are_for_those_who_may_change_the_job(api: Client, asking: Asking, experiment: str) -> None:
    first, second, *_ = ids(api, experiment)
    ada, ben, eve = asking("ada/runner"), asking("ben/runner"), asking("eve/viewer")
    marks = {"starred": True, "rating": 4, "tags": ["good", "for the paper"]}
    assert ada.put(f"/api/jobs/{first}/marks", json=marks).json() == {"jobId": first, **marks}
    shown = eve.get("/api/jobs", params={"experiment": experiment, "starred": "true"}).json()["jobs"]
    assert [(one["jobId"], one["rating"], one["tags"]) for one in shown] == [(first, 4, marks["tags"])]
    refused(ben.put(f"/api/jobs/{first}/marks", json=marks), 404, "job.unknown")
    refused(eve.put(f"/api/jobs/{first}/marks", json=marks), 403, "access.forbidden")
    for bad in ({"rating": 6}, {"rating": 0}, {"tags": [" x"]}, {"tags": [""]}, {"stars": 1}):
        refused(ada.put(f"/api/jobs/{first}/marks", json=bad), 422, "request.invalid")
    change = {"jobs": [first, second], "addTags": ["pair"], "removeTags": ["good"], "rating": 0}
    answer = api.post("/api/marks", json=change).json()["jobs"]
    assert answer == [
        {"jobId": first, "starred": True, "rating": None, "tags": ["for the paper", "pair"]},
        {"jobId": second, "starred": False, "rating": None, "tags": ["pair"]},
    ]
    refused(ada.post("/api/marks", json={"jobs": [second, "nobody"], "starred": True}), 404, "job.unknown")
    assert ids(api, experiment, starred="true") == [first], "all of them or none"
    assert ids(api, experiment, tag="pair") == [first, second] and ids(api, experiment, tag="pai") == []
    assert "pair" in ada.get("/api/columns").json()["tags"] and "pair" not in ben.get("/api/columns").json()["tags"]
    api.post("/api/marks", json={"jobs": [second], "rating": 2})
    assert ids(api, experiment, rating=2) == [second] and ids(api, experiment, rating=3) == []


def test_a_list_is_exported_as_csv_and_json(api: Client, experiment: str) -> None:
    query = {"experiment": experiment, "sort": LENGTH, "column": [LENGTH, "param:b.value"]}
    answer = api.get("/api/table", params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row[LENGTH] for row in rows] == ["3.0", "5.0", "5.0", "8.0"]
    assert sorted(row["param:b.value"] for row in rows) == ["", "", "", "'=1+1"], "no formula in a spreadsheet"
    table = api.get("/api/table", params={**query, "format": "json"}).json()
    assert table["columns"][-2:] == query["column"] and [row[-2] for row in table["rows"]] == [3.0, 5.0, 5.0, 8.0]
    chosen = [row[0] for row in table["rows"]][:2]
    only = api.get("/api/table", params={"job": chosen, "format": "json"}).json()["rows"]
    assert sorted(row[0] for row in only) == sorted(chosen)
    refused(api.get("/api/table", params={"format": "xls"}), 422, "request.invalid")


def test_many_jobs_are_deleted_and_the_others_are_named(api: Client, asking: Asking, live: LiveDeployment) -> None:
    ada = asking("ada/runner")
    name = f"e{uuid.uuid4().hex[:8]}"
    gone = [submit(ada, {"a": probe(value)}, experiment=name) for value in ("x", "y")]
    kept = submit(api, {"a": probe("z")}, experiment=name)
    for job in (*gone, kept):
        live.finish(job)
    refused(asking("eve/viewer").post("/api/deletions", json={"jobs": gone}), 403, "access.forbidden")
    answer = ada.post("/api/deletions", json={"jobs": [*gone, kept, "nobody"]}).json()
    assert sorted(answer["deleted"]) == sorted(gone)
    assert [one["jobId"] for one in answer["left"]] == [kept, "nobody"] and all(one["reason"] for one in answer["left"])
    assert ids(api, name) == [kept]


def test_each_user_saves_views(asking: Asking) -> None:
    ada, ben = asking(f"a{uuid.uuid4().hex[:6]}/runner"), asking(f"b{uuid.uuid4().hex[:6]}/viewer")
    values = {"filters": {"metric": ["a.length<8"], "rating": ["3"]}, "columns": [LENGTH], "sort": f"-{LENGTH}"}
    assert ada.put("/api/views/best runs", json=values).json() == {"name": "best runs", **values}
    assert ben.put("/api/views/all", json={}).status_code == 200, "a view is nobody else's, so a viewer may have one"
    assert ada.get("/api/views").json() == {"views": [{"name": "best runs", **values}]}
    for bad in ({"columns": ["length"]}, {"sort": "name"}, {"filters": {"a b": []}}, {"filters": {"a": "b"}}):
        refused(ada.put("/api/views/bad", json=bad), 422, "request.invalid")
    assert ada.delete("/api/views/best runs").json() == {"views": []}
    assert [view["name"] for view in ben.get("/api/views").json()["views"]] == ["all"]
