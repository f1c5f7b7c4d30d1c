"""Jobs over HTTP with real servers: submit, list, show, cancel, rerun, retry, delete."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nodes._samples import sample_portrait
from tests.app.api.conftest import Asking, Client, client_of, refused
from tests.engine.graphs import document
from tests.live import Diary, LiveDeployment, wait_for
from workbench.client.access import login_name
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file
from workbench.store.job_deletion import JobDeletion
from workbench.store.tracking_queue import TrackingQueue

pytestmark = pytest.mark.stack

PNG = b"\x89PNG\r\n\x1a\n and so on"


def submit(client: Client, nodes: Any, edges: Any = (), headers: dict[str, str] | None = None, **more: Any) -> str:
    answer = client.post("/api/jobs", json={"graph": document(nodes, edges), **more}, headers=headers)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["jobId"]
    return job


def probe(value: str = "x", **params: Any) -> dict[str, Any]:
    return {"service": "probe.data", "params": {"value": value, **params}}


def test_a_graph_is_accepted_runs_and_is_shown_completely(api: Client, live: LiveDeployment) -> None:
    answer = api.post("/api/jobs", json={"graph": document({"a": probe("hello")}), "experiment": "first"})
    assert answer.status_code == 202
    accepted = answer.json()
    assert set(accepted) == {"jobId", "status", "progress", "created", "unserved", "warnings", "streams"}
    assert accepted["status"] in ("advertised", "queued", "running", "completed") and accepted["unserved"] == []
    job = accepted["jobId"]
    live.finish(job)
    shown = api.get(f"/api/jobs/{job}").json()
    assert shown["job"]["status"] == "completed" and shown["job"]["progress"] == 1
    assert shown["job"]["lastGraph"]["nodes"][0]["output"]["text"] == "hello"
    assert shown["job"]["experiment"] == "first" and shown["job"]["owner"] == "local" and shown["job"]["mayChange"]
    assert shown["events"][0]["type"] == "job.completed"
    assert shown["events"][-1]["type"] == "job.accepted"
    assert accepted["streams"] == shown["job"]["streams"] == []
    state = api.get(f"/api/status/{job}").json()
    assert state == {"jobId": job, "status": "completed", "progress": 1.0}


def test_a_submit_says_where_a_node_takes_parts_of_another(api: Client, live: LiveDeployment) -> None:
    graph = document({"lines": probe(parts=1), "louder": {"service": "probe.louder"}}, [("lines", "louder")])
    accepted = api.post("/api/jobs", json={"graph": graph}).json()
    found = [{"producer": "lines", "consumer": "louder", "inputs": {"file": "file"}}]
    assert accepted["streams"] == api.get(f"/api/jobs/{accepted['jobId']}").json()["job"]["streams"] == found
    live.finish(accepted["jobId"])


def test_at_most_fifty_events_are_shown_newest_first(api: Client, live: LiveDeployment) -> None:
    job = submit(api, {f"n{index}": probe() for index in range(30)})
    live.finish(job)
    events = api.get(f"/api/jobs/{job}").json()["events"]
    numbers = [event["seq"] for event in events]
    assert len(numbers) == 50 and numbers == sorted(numbers, reverse=True) and numbers[-1] > 1


def test_the_same_key_is_the_same_job_of_each_user(api: Client, asking: Asking, live: LiveDeployment) -> None:
    one = {"Idempotency-Key": "once"}
    first = submit(api, {"a": probe("k")}, headers=one)
    assert submit(api, {"a": probe("k")}, headers=one) == first
    details = refused(
        api.post("/api/jobs", json={"graph": document({"a": probe("other")})}, headers=one), 409, "job.key_reused"
    )
    assert details["where"] == f"job {first}"
    other = submit(asking("ada/runner"), {"a": probe("k")}, headers=one)
    assert other != first, "equal keys of different users must differ"
    bad = api.post("/api/jobs", json={"graph": document({"a": probe()})}, headers={"Idempotency-Key": "a b"})
    refused(bad, 422, "request.invalid")


def test_a_pipeline_job_keeps_its_request(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    portrait = store_file(live.deployment, sample_portrait(tmp_path), "image")[0]
    graph = document(
        {
            "animate": {
                "service": "generate.upscale_image",
                "input": {"image": portrait.model_dump(mode="json")},
            }
        }
    )
    named = api.post("/api/jobs", json={"graph": graph}).json()["jobId"]  # from now on the file is recorded
    api.post(f"/api/jobs/{named}/cancel")
    asked = {
        "pipeline": "talking_head",
        "options": {
            "portrait": portrait.sha256,
            "script": "Good morning to you all.",
            "seed": 3,
            "leaveOut": ["evaluate"],
        },
        "params": {"animate": {"sway": 0.5}},
        "consent": {"given": True, "text": "They agreed."},
    }
    answer = api.post("/api/jobs", json=asked)
    assert answer.status_code == 202, answer.text
    job = answer.json()["jobId"]
    assert api.post(f"/api/jobs/{job}/cancel").json()["cancelled"]
    wait_for(lambda: api.get(f"/api/status/{job}").json()["status"] == "cancelled")
    shown = api.get(f"/api/jobs/{job}").json()["job"]
    assert shown["title"] == "Good morning to you all." and shown["seed"] == 3
    assert shown["thumbnail"] == f"/api/artifacts/{portrait.sha256}/thumbnail"
    assert shown["options"]["options"] == asked["options"] and shown["options"]["params"] == asked["params"]
    consent = shown["lastGraph"]["metadata"]["consent"]
    assert consent["given"] and consent["by"] == login_name()
    assert consent["text"] == "They agreed." and consent["at"] > 0
    assert "evaluate" not in [node["id"] for node in shown["nodes"]]
    # a digest that no user may see
    asked["options"]["portrait"] = "0" * 64  # type: ignore[index]
    assert refused(api.post("/api/jobs", json=asked), 404, "artifact.unknown")["where"] == "portrait"


def test_properties_of_a_file_come_from_the_store(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    real = store_file(live.deployment, sample_portrait(tmp_path), "image", owner="local")[0]
    forged = {"kind": "image", "sha256": real.sha256, "size_bytes": 7, "media_type": "text/html", "name": "x"}

    def asked(ref: object, service: str = "generate.upscale_image", name: str = "image") -> Any:
        return api.post("/api/jobs", json={"graph": document({"a": {"service": service, "input": {name: ref}}})})

    job = asked(forged).json()["jobId"]
    api.post(f"/api/jobs/{job}/cancel")
    [node] = live.deployment.job(job).graph.nodes
    stored = real.model_dump(mode="json", exclude_none=True) | {"name": node.input["image"]["name"]}
    assert node.input["image"] == stored and stored["name"].endswith(".png")
    as_audio = asked({"kind": "audio", "sha256": real.sha256}, "evaluate.transcribe", "audio")
    assert refused(as_audio, 422, "request.invalid")["where"] == "node a"


def test_consent_does_not_change_what_is_computed(api: Client, live: LiveDeployment) -> None:
    nodes = {"a": {"service": "probe.cached", "params": {"value": "consent"}}}
    first = submit(api, nodes, consent={"given": True, "text": "yes"})
    live.finish(first)
    second = submit(api, nodes, consent={"given": True, "name": "Ada", "text": "no"})
    records = [live.finish(job) for job in (first, second)]
    assert records[0].graph_hash == records[1].graph_hash
    assert records[1].node("a").cached and records[0].node("a").content_key == records[1].node("a").content_key
    said = [record.graph.metadata["consent"] for record in records]
    assert [(one["by"], one["text"]) for one in said] == [(login_name(), "yes"), ("Ada", "no")]
    forged = document(nodes) | {"metadata": {"consent": {"given": True, "by": "somebody"}}}
    job = api.post("/api/jobs", json={"graph": forged}).json()["jobId"]
    assert "consent" not in live.deployment.job(job).graph.metadata, "only consent from the submit counts"


def test_lists_have_pages(api: Client, live: LiveDeployment) -> None:
    jobs = [submit(api, {"a": probe()}, experiment="pages") for _ in range(5)]
    got = [
        api.get("/api/jobs", params={"experiment": "pages", "limit": 2, "offset": offset}).json()
        for offset in (0, 2, 4)
    ]
    assert [[row["jobId"] for row in page["jobs"]] for page in got] == [jobs[:2:-1], jobs[2:0:-1], jobs[:1]]
    assert got[0]["pagination"] == {"limit": 2, "offset": 0, "total": 5}
    assert api.get("/api/jobs").json()["pagination"]["limit"] == 20


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0}, {"limit": 101}, {"limit": "ten"}, {"offset": -1}, {"status": "waiting"}, {"since": "nan"},
        {"before": "inf"}, {"parameter": "speed>fast"}, {"parameter": "a b"}, {"parent": "../x"}, {"text": "\0"},
        {"pipeline": ""},
    ],
)  # fmt: skip
def test_bad_values_of_a_list_are_refused(api: Client, query: dict[str, Any]) -> None:
    details = refused(api.get("/api/jobs", params=query), 422, "request.invalid")
    assert next(iter(query)) in details["where"]


def test_lists_are_filtered(api: Client, live: LiveDeployment) -> None:
    fast = submit(api, {"a": probe("fast", part_s=0.5)}, experiment="filters")
    slow = submit(api, {"a": probe("slow", part_s=2.0), "b": probe("zzz-word")}, experiment="filters")
    poor = submit(api, {"a": probe(bad_input=True)}, experiment="filters")
    for job in (fast, slow, poor):
        live.finish(job)

    def found(**query: Any) -> set[str]:
        answer = api.get("/api/jobs", params={"experiment": "filters", **query})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["pagination"]["total"] == len(body["jobs"])
        return {row["jobId"] for row in body["jobs"]}

    assert found(status="completed") == {fast, slow}
    assert found(status=["completed", "failed"]) == {fast, slow, poor}
    assert found(status="running") == set()
    assert found(parameter="part_s>=2") == {slow}
    assert found(parameter="a.part_s<1") == {fast, poor}
    assert found(parameter="value=fast") == {fast}
    assert found(parameter=["value=fast", "part_s=2"]) == set()
    assert found(parameter="part_s=0.50") == {fast}
    assert found(parameter="bad_input=true") == {poor}
    assert found(parameter="nosuch") == set() and found(parameter="b.value") == {slow}
    assert found(text=fast[-6:]) == {fast}
    assert found(owner="local") == {fast, slow, poor} and found(owner="nobody") == set()
    created = api.get(f"/api/jobs/{slow}").json()["job"]["created"]
    assert found(since=created) == {slow, poor} and found(before=created) == {fast}
    rows = api.get("/api/jobs", params={"experiment": "filters", "status": "failed"}).json()["jobs"]
    assert rows[0]["error"]["code"] == "node.bad_input" and rows[0]["seconds"] >= 0
    assert "filters" in api.get("/api/experiments").json()["experiments"]


def test_a_job_without_a_suitable_worker_is_queued_with_a_reason(api: Client, live: LiveDeployment) -> None:
    answer = api.post("/api/jobs", json={"graph": document({"a": "probe.elsewhere"})}).json()
    assert answer["unserved"] == ["probe.elsewhere 1.0.0"]
    job = answer["jobId"]
    row = wait_for(
        lambda: next((r for r in api.get("/api/jobs").json()["jobs"] if r["jobId"] == job and r["waiting"]), None)
    )
    assert row["status"] == "queued" and "probe.elsewhere" in row["waiting"]
    waits = api.get(f"/api/jobs/{job}").json()["job"]["waits"]
    assert waits[0]["reason"] == "no_worker" and waits[0]["node"] == "a" and waits[0]["sentence"] == row["waiting"]
    assert job in [r["jobId"] for r in api.get("/api/jobs", params={"status": "queued"}).json()["jobs"]]
    assert api.post(f"/api/jobs/{job}/cancel").json() | {"status": ""} == {
        "jobId": job, "status": "", "progress": 0.0, "cancelled": True,
    }  # fmt: skip
    live.finish(job)
    assert api.post(f"/api/jobs/{job}/cancel").json()["cancelled"] is False


def test_a_cancel_after_the_end_is_refused(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    job = live.run({"a": "probe.data"}).id
    details = refused(api.post(f"/api/jobs/{job}/cancel"), 409, "job.ended")
    assert (details["where"], details["seen"]) == (f"job {job}", "completed")


def test_a_job_is_listed_before_the_recorder_has_seen_it(api: Client, live: LiveDeployment) -> None:
    live.control.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]  # nothing is recorded
    try:
        job = submit(api, {"a": probe("adv")})
        assert api.get(f"/api/status/{job}").json()["status"] == "advertised"
        assert [r["jobId"] for r in api.get("/api/jobs", params={"status": "advertised"}).json()["jobs"]] == [job]
    finally:
        live.control.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    live.finish(job)
    assert api.get("/api/jobs", params={"status": "advertised"}).json()["jobs"] == []


def test_rerun_and_retry_create_new_jobs(api: Client, live: LiveDeployment, diary: Diary) -> None:
    job = submit(api, {"a": probe("one")})
    live.finish(job)
    again = api.post(f"/api/jobs/{job}/rerun", json={"params": {"a": {"value": "two"}}})
    assert again.status_code == 202
    second = live.finish(again.json()["jobId"])
    assert second.parent == job and second.node("a").output == {"text": "two", "file": None, "number": None}
    assert api.post(f"/api/jobs/{job}/rerun").status_code == 202, "no body is needed"
    refused(api.post(f"/api/jobs/{job}/rerun", json={"params": {"b": {}}}), 422, "pipeline.bad_option")
    refused(api.post(f"/api/jobs/{job}/rerun", json={"params": {"a": {"nosuch": 1}}}), 422, "graph.bad_param")
    refused(api.post(f"/api/jobs/{job}/retry"), 409, "job.nothing_to_retry")
    poor = submit(api, {"good": diary.probe("g"), "bad": probe(bad_input=True)}, [("good", "bad")])
    live.finish(poor)
    retried = api.post(f"/api/jobs/{poor}/retry")
    assert retried.status_code == 202 and live.finish(retried.json()["jobId"]).parent == poor
    assert diary.count("g") == 1, "a completed node ran again"


def test_a_person_approves_an_edited_script(api: Client, asking: Asking, live: LiveDeployment) -> None:
    nodes = {
        "a": {"service": "probe.control", "params": {"value": "Good morning."}},
        "review": {"service": "review.script", "input": {"narration": "$a.text"}},
        "c": {**probe("c:"), "input": {"text": "$review.narration"}},
    }
    edges = [("a", "review"), ("review", "c")]
    job = submit(asking("ada/runner"), nodes, edges)
    waits = wait_for(lambda: api.get(f"/api/jobs/{job}").json()["job"]["waits"])
    assert (waits[0]["node"], waits[0]["reason"]) == ("review", "approval")
    assert waits[0]["question"]["text"] == "Good morning."
    at = f"/api/jobs/{job}/approve"
    refused(asking("bob/runner").post(at, json={"text": "x"}), 404, "job.unknown")
    refused(asking("eve/viewer").post(at), 403, "access.forbidden")
    refused(api.post(at, json={"text": "x" * 30_000}), 422, "request.invalid")
    refused(api.post(at, json={"node": "c"}), 409, "review.not_waiting")
    answer = asking("ada/runner").post(at, json={"text": "Good evening."})
    assert answer.status_code == 200 and answer.json()["edited"] and answer.json()["author"] == "ada"
    refused(api.post(at, json={"reject": "no"}), 409, "review.decided")
    assert live.finish(job).node("c").output["text"] == "c:Good evening."  # type: ignore[index]
    other = submit(api, nodes, edges)
    wait_for(lambda: api.get(f"/api/jobs/{other}").json()["job"]["waits"])
    assert api.post(f"/api/jobs/{other}/approve", json={"reject": "too long"}).json()["approved"] is False
    assert live.finish(other).error.code == "review.rejected"  # type: ignore[union-attr]


def test_parts_and_previews_are_shown_while_a_node_runs(
    api: Client, asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    job = submit(api, {"a": probe("p", parts=40, part_s=0.25)})
    at = f"/api/jobs/{job}/nodes/a"
    parts = wait_for(lambda: api.get(f"{at}/parts").json()["parts"])
    assert parts[0] == {"index": 0, "url": f"{at}/parts/0"}
    link = api.get(parts[0]["url"], follow_redirects=False)
    assert link.status_code == 307 and link.headers["location"].startswith(live.settings.s3_url)
    refused(api.get(f"{at}/parts/9999"), 404, "artifact.unknown")
    refused(api.get(f"{at}/preview"), 404, "artifact.unknown")
    live.deployment.objects.put_preview(job, "a", PNG, "image/png")
    shown = api.get(f"{at}/preview")
    assert shown.content == PNG and shown.headers["content-type"] == "image/png"
    live.deployment.objects.put_preview(job, "a", b"<script>alert(1)</script>", "text/html")
    refused(api.get(f"{at}/preview"), 404, "artifact.unknown")
    for path in ("preview", "parts", "parts/0"):
        refused(asking("ada/runner").get(f"{at}/{path}"), 404, "job.unknown")
    refused(api.get(f"/api/jobs/{job}/nodes/..%5cx/parts"), 422, "request.invalid")
    api.post(f"/api/jobs/{job}/cancel")
    live.finish(job)


def test_files_of_a_job_are_listed_with_their_lineage(api: Client, asking: Asking, live: LiveDeployment) -> None:
    maker = submit(api, {"a": probe("line", file_kib=1)})
    live.finish(maker)
    files = api.get(f"/api/jobs/{maker}/artifacts").json()["artifacts"]
    assert [(row["node"], row["role"], row["name"]) for row in files] == [("a", "output", "file")]
    ref = files[0]["ref"]
    assert files[0]["url"] == f"/api/artifacts/{ref['sha256']}" and files[0]["thumbnail"] is None
    user = submit(api, {"r": {"service": "probe.reader", "input": {"file": ref}}})
    live.finish(user)
    child = api.post(f"/api/jobs/{maker}/rerun").json()["jobId"]
    live.finish(child)
    lineage = api.get(f"/api/jobs/{maker}/lineage").json()
    assert lineage["usedBy"] == [{"job": user, "node": "r", "name": "file", "sha256": ref["sha256"]}]
    assert lineage["children"] == [child] and lineage["parent"] is None and lineage["from"] == []
    back = api.get(f"/api/jobs/{user}/lineage").json()
    assert {row["job"] for row in back["from"]} == {maker, child} and back["from"][0]["output"] == "file"
    assert api.get(f"/api/jobs/{child}/lineage").json()["parent"] == maker
    # another runner may neither see the jobs nor reference their files
    ada = asking("ada/runner")
    refused(ada.get(f"/api/jobs/{maker}/lineage"), 404, "job.unknown")
    theft = ada.post("/api/jobs", json={"graph": document({"r": {"service": "probe.reader", "input": {"file": ref}}})})
    assert refused(theft, 404, "artifact.unknown")["where"] == "node r"
    for theirs in (
        {"sha256": ref["sha256"]},
        {"sha256": ref["sha256"], "width": 8},
    ):  # also with extra fields, as a node would accept it
        node = {"service": "generate.upscale_image", "input": {"image": theirs}}
        refused(ada.post("/api/jobs", json={"graph": document({"r": node})}), 404, "artifact.unknown")


def test_a_rerun_cannot_reference_a_file_that_the_user_may_not_read(
    api: Client, asking: Asking, live: LiveDeployment
) -> None:
    ada = asking("ada/runner")
    job, maker = submit(ada, {"a": probe("mine", file_kib=1)}), submit(api, {"a": probe("theirs", file_kib=1)})
    own, theirs = (live.finish(made).node("a").output["file"] for made in (job, maker))  # type: ignore[index]

    def again(file: Any, client: Client = ada) -> Any:
        return client.post(f"/api/jobs/{job}/rerun", json={"params": {"a": {"value": file}}})

    for spelt in (theirs, {"sha256": theirs["sha256"]}, [{"deep": theirs}]):
        assert refused(again(spelt), 404, "artifact.unknown")["where"] == "node a"
    refused(again(own), 422, "graph.bad_param")  # it may be referenced, but is not a text
    refused(again(theirs, api), 422, "graph.bad_param")  # an admin may read all files


def test_each_runner_sees_only_their_own_jobs(api: Client, asking: Asking, live: LiveDeployment) -> None:
    ada, bob, eve = asking("ada/runner"), asking("bob/runner"), asking("eve/viewer")
    job = submit(ada, {"a": probe("own")}, experiment="owners")
    live.finish(job)
    assert ada.get(f"/api/jobs/{job}").json()["job"]["owner"] == "ada"
    for method, path in [
        ("GET", ""), ("GET", "/artifacts"), ("GET", "/lineage"), ("GET", "/estimate"), ("POST", "/cancel"),
        ("POST", "/rerun"), ("POST", "/retry"), ("DELETE", ""),
    ]:  # fmt: skip
        refused(bob.request(method, f"/api/jobs/{job}{path}"), 404, "job.unknown")
    refused(bob.get(f"/api/status/{job}"), 404, "job.unknown")
    assert bob.get("/api/jobs", params={"experiment": "owners"}).json()["pagination"]["total"] == 0
    assert "owners" not in bob.get("/api/experiments").json()["experiments"]
    assert bob.get("/api/jobs", params={"owner": "ada"}).json()["jobs"] == []
    # a viewer sees no jobs and changes nothing
    assert eve.get(f"/api/jobs/{job}").json()["job"]["mayChange"] is False
    for method, path in [("POST", "/cancel"), ("POST", "/rerun"), ("POST", "/retry"), ("DELETE", "")]:
        refused(eve.request(method, f"/api/jobs/{job}{path}"), 403, "access.forbidden")
    refused(eve.post("/api/jobs", json={"graph": document({"a": probe()})}), 403, "access.forbidden")
    # a job repeated by an admin belongs to the admin
    again = api.post(f"/api/jobs/{job}/rerun").json()["jobId"]
    assert live.finish(again).owner == "local"
    refused(ada.get(f"/api/jobs/{again}"), 404, "job.unknown")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/jobs/20200101-000000-abcdef", 404, "job.unknown"),
        ("/api/status/20200101-000000-abcdef", 404, "job.unknown"),
        ("/api/jobs/..%2f..%2fetc", 404, "request.not_found"),
        ("/api/jobs/a%00b", 422, "request.invalid"),
        ("/api/jobs/" + "x" * 65, 422, "request.invalid"),
        ("/api/status/no_such", 422, "request.invalid"),
    ],
)
def test_invalid_ids_are_refused(api: Client, path: str, status: int, code: str) -> None:
    refused(api.get(path), status, code)


def test_only_ended_jobs_are_deleted_with_all_their_data(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = submit(api, {"a": probe("gated", gate=str(gate), file_kib=1)})
    assert refused(api.delete(f"/api/jobs/{job}"), 409, "job.not_final")["remedy"]
    gate.touch()
    sha256 = live.finish(job).node("a").output["file"]["sha256"]  # type: ignore[index]
    other = api.post(f"/api/jobs/{job}/rerun").json()["jobId"]
    live.finish(other)
    assert api.delete(f"/api/jobs/{job}").json() == {"jobId": job, "deleted": True, "notes": []}
    refused(api.get(f"/api/jobs/{job}"), 404, "job.unknown")
    refused(api.delete(f"/api/jobs/{job}"), 404, "job.unknown")
    with live.deployment.store.database.read() as connection:
        for table in ("events", "node_results", "job_params", "job_artifacts", "dead_letters"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE job = ?", (job,)).scalar()
            assert count == 0, table
    assert live.deployment.store.artifact(sha256) is not None, "the other job references it"
    assert api.get(f"/api/jobs/{other}/artifacts").json()["artifacts"]
    assert api.get(f"/api/jobs/{other}/lineage").json()["parent"] is None


def test_a_job_is_deleted_while_mlflow_is_unreachable_and_no_answer_contains_its_login(
    api: Client, live: LiveDeployment
) -> None:
    job = submit(api, {"a": probe("untracked")})
    live.finish(job)
    TrackingQueue(live.deployment.store.database).set_mlflow_run(job, "f" * 32)
    url = "http://recorder:s3cret%40word@127.0.0.1:9/mlflow/"
    away = client_of(Deployment(live.settings.model_copy(update={"mlflow_url": url})))
    shown = away.get(f"/api/jobs/{job}")
    assert shown.json()["job"]["mlflowRun"] == f"/mlflow/#/runs/{'f' * 32}?workflowType=machine_learning"
    answers = [
        shown,
        *(away.get(path) for path in ("/ready", "/api/system", f"/api/jobs/{job}/artifacts", "/api/jobs")),
    ]
    body = (deleted := away.delete(f"/api/jobs/{job}")).json()
    assert body["deleted"] and len(body["notes"]) == 1 and "remain in MLflow" in body["notes"][0]
    doomed = {run.id: run.run_id for run in JobDeletion(live.deployment.store.database).doomed()}
    assert doomed[job] == "f" * 32, "the run is removed when MLflow answers"
    JobDeletion(live.deployment.store.database).settle([job])
    assert not [answer.text for answer in (*answers, deleted) if "s3cret" in answer.text or "recorder" in answer.text]
    refused(api.get(f"/api/jobs/{job}"), 404, "job.unknown")


def test_calls_that_only_read_sql_work_while_the_bus_hangs(live: LiveDeployment) -> None:
    api = client_of(live.deployment)
    job = submit(api, {"a": probe("hang")})
    live.finish(job)
    assert live.bus_process is not None
    os.kill(live.bus_process.pid, signal.SIGSTOP)
    try:
        assert api.get(f"/api/jobs/{job}").status_code == 200
        assert api.get("/api/jobs").status_code == 200
        answer = api.get("/api/pipelines")
        assert answer.status_code == 200
        assert "bus does not answer" in answer.json()["pipelines"][0]["reason"]
        late = api.post("/api/jobs", json={"graph": document({"a": probe()})})
        assert refused(late, 503, "bus.unreachable")["remedy"] and late.headers["retry-after"]
    finally:
        os.kill(live.bus_process.pid, signal.SIGCONT)
    live.finish(submit(api, {"a": probe("after")}))
