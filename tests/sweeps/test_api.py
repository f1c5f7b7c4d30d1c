"""Sweeps over HTTP and from the command line: what each user may see and change, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.sweep import SweepInFull
from tests.app.api.conftest import client_of, refused
from tests.live import LiveDeployment, wait_for
from tests.sweeps.conftest import Specs
from tests.sweeps.test_running import ended
from workbench.client.consent import EntryPoint
from workbench.client.sweeps.local_files import read_spec, with_stored_files
from workbench.notebook.workbench import Workbench

pytestmark = pytest.mark.stack


def body(specs: Specs, *args: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = specs(*args, **more).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return found


def test_others_see_and_change_only_what_their_role_permits(live: LiveDeployment, spec: Specs) -> None:
    ann, bob, eve = (client_of(live.deployment, user) for user in ("ann/runner", "bob/runner", "eve/viewer"))
    asked = body(spec, ["o"])
    refused(eve.post("/api/sweeps", json={"spec": asked}), 403, "access.forbidden")
    answer = ann.post("/api/sweeps", json={"spec": asked})
    assert answer.status_code == 202, answer.text
    sweep = SweepInFull.model_validate(answer.json())
    path = f"/api/sweeps/{sweep.id}"
    assert (sweep.owner, sweep.may_change, sweep.by_status) == ("ann", True, {"planned": 1})

    assert ann.get("/api/sweeps").json()["total"] >= 1
    assert sweep.id not in bob.get("/api/sweeps").text
    refused(bob.get(path), 404, "sweep.unknown")
    refused(bob.post(f"{path}/cancel"), 404, "sweep.unknown")
    assert eve.get(path).json()["mayChange"] is False
    refused(eve.post(f"{path}/pause"), 403, "access.forbidden")
    refused(eve.post(f"{path}/extend", json=asked), 403, "access.forbidden")
    refused(ann.delete(path), 409, "sweep.not_final")
    ended(live, sweep.id)
    assert {job["owner"] for job in ann.get(f"/api/jobs?sweep={sweep.id}").json()["jobs"]} == {"ann"}


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"axes": [{"param": "second.nothing", "values": [1]}]}, "graph.bad_param", "cell 1 (second.nothing 1): node"),
        ({"axes": [{"param": "second.parts", "values": [1, -1]}]}, "graph.bad_param", "cell 2 (second.parts -1): node"),
        ({"axes": [{"param": "third.parts", "values": [1]}]}, "pipeline.bad_option", "cell 1"),
        ({"axes": [{"param": "nothing", "values": [1]}]}, "request.invalid", "cell 1"),
        ({"axes": [{"seeds": [-1]}]}, "request.invalid", "cell 1"),
        ({"axes": []}, "request.invalid", "axes"),
        ({"pipeline": "none"}, "pipeline.unknown", ""),
        ({"axes": [{"param": "word", "values": ["a"], "seed": 1}]}, "request.invalid", "axes"),
        ({"axes": [{"param": "word", "values": [{"deep": [1]}]}]}, "request.invalid", "cell 1"),
        ({"constraints": ["word == 'b'"]}, "sweep.empty", "constraints"),
    ],
)
def test_a_bad_spec_is_refused_with_its_cell_and_nothing_is_stored(
    live: LiveDeployment, spec: Specs, change: dict[str, Any], code: str, where: str
) -> None:
    api = client_of(live.deployment)
    asked = body(spec, ["a"]) | change
    before = api.get("/api/sweeps").json()["total"]
    for answer in (api.post("/api/sweeps/plan", json=asked), api.post("/api/sweeps", json={"spec": asked})):
        details = refused(answer, 404 if code == "pipeline.unknown" else 422, code)
        assert where in details.get("where", "")
    assert api.get("/api/sweeps").json()["total"] == before


def test_rows_of_a_manifest_become_cells(live: LiveDeployment, spec: Specs, tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("id,word,second.value\none,a,x\ntwo,b,\n")
    asked = body(spec, ["a"]) | {"axes": [{"manifest": "words.csv"}]}
    (tmp_path / "spec.json").write_text(json.dumps(asked))
    read = read_spec(tmp_path / "spec.json")
    stored = with_stored_files(live.deployment, read, tmp_path, owner="local", entry=EntryPoint.CLI)
    sweep = Workbench(live.settings).sweep(stored, start=False)
    assert [(axis.name, axis.labels) for axis in sweep.plan.axes] == [("words", ["one", "two"])]
    assert [choice.params for choice in stored.axes[0].choices or ()] == [{"second": {"value": "x"}}, {}]


def test_a_sweep_in_python(live: LiveDeployment, spec: Specs) -> None:
    wb = Workbench(live.settings)
    sweep = wb.sweep("probe_chain", axes={"word": ["py", "thon"], "seed": 2}, start=False)
    assert (sweep.plan.cells, sweep.plan.distinct, "4 cells" in repr(sweep)) == (4, 8, True)
    sweep.start().wait(timeout_s=60)
    table = sweep.table()
    assert list(table["word"]) == ["py", "py", "thon", "thon"] and set(table["status"]) == {"completed"}
    assert set(table["metrics.second.length"]) == {3.0, 5.0}
    sweep.extend(axes={"word": ["py"], "seed": 3})
    wait_for(lambda: sweep.wait(30) is sweep, what="the extended sweep")
    assert len(sweep.jobs) == 3 and len(sweep.full.table) == 5
    assert wb.sweep(sweep.id or "").spec.axes[1].seeds == 3
