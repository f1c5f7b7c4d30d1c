"""No spelling makes MLflow use a location outside its store, including locations from before this rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.mlflow.conftest import Front
from workbench.app.mlflow.locations import is_served

pytestmark = pytest.mark.stack

PLACES = ("file:///etc", "/etc", "./mine", "FILE:/etc", "s3://other/x", "gs://other", "http://127.0.0.1:9/x",
          "mlflow-artifacts://host/1", "mlflow-artifacts:/../../etc", "mlflow-artifacts:/1", "dbfs:/x")  # fmt: skip
CREATE = {f"/{api}/2.0/mlflow/experiments/create" for api in ("api", "ajax-api")}


def spellings(place: str) -> dict[str, bytes]:
    """Bodies that MLflow itself would accept, and some that it might."""
    plain = json.dumps({"name": "x", "artifact_location": place})
    return {
        "snake": plain.encode(),
        "camel": json.dumps({"name": "x", "artifactLocation": place}).encode(),
        "escaped": plain.replace("artifact_location", r"artifact\u005flocation").encode(),
        "in a string": json.dumps(plain).encode(),
        "utf-16": plain.encode("utf-16"),
        "utf-32": plain.encode("utf-32"),
        "twice": f'{{"name": "x", "artifact_location": "", "artifact_location": {json.dumps(place)}}}'.encode(),
        "both": json.dumps({"name": "x", "artifact_location": "", "artifactLocation": place}).encode(),
        "in a list": f"[{plain}]".encode(),
        "as a form": f"name=x&artifact_location={place}".encode(),
        "with a mark": b"\xef\xbb\xbf" + plain.encode(),
        "other case": json.dumps({"name": "x", "Artifact_Location": place}).encode(),
        "extension": json.dumps({"name": "x", "[artifact_location]": place}).encode(),
    }


def test_an_experiment_cannot_use_a_foreign_location(front: Front) -> None:
    bodies = [*spellings("file:///etc").items(), *((place, spellings(place)["snake"]) for place in PLACES)]
    for path in sorted(CREATE):
        for name, body in bodies:
            media_type = "application/x-www-form-urlencoded" if name == "as a form" else "application/json"
            answer = front.ask("ann", "POST", path, content=body, headers={"Content-Type": media_type})
            assert answer.status_code in (400, 422), (path, name, answer.text)
            assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
    found = front.ask("ann", "GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=x")
    assert found.status_code == 404


def test_a_location_in_the_query_is_ignored(front: Front) -> None:
    made = front.ask(
        "rob", "POST", "/api/2.0/mlflow/experiments/create?artifact_location=file:///etc", json={"name": "by query"}
    ).json()
    shown = front.ask("vi", "GET", f"/api/2.0/mlflow/experiments/get?experiment_id={made['experiment_id']}").json()
    assert shown["experiment"]["artifact_location"] == f"mlflow-artifacts:/{made['experiment_id']}"


@pytest.mark.parametrize(
    "source", ["file:///etc", "/etc", "s3://other/m", "http://127.0.0.1:9/", "runs://x/y", "models:///x"]
)
def test_a_model_cannot_come_from_a_foreign_location(front: Front, source: str) -> None:
    front.ask("rob", "POST", "/api/2.0/mlflow/registered-models/create", json={"name": "m"})
    body = {"name": "m", "source": source, "run_id": front.run}
    answer = front.ask("rob", "POST", "/api/2.0/mlflow/model-versions/create", json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "tracking.foreign_location"
    with pytest.raises(Exception, match="Invalid model version source"):  # the server itself refuses it too
        front.ask_directly("/api/2.0/mlflow/model-versions/create", body)


def test_a_trace_cannot_be_read_from_a_foreign_location(front: Front) -> None:
    tag = {"key": "mlflow.artifactLocation", "value": "file:///etc"}
    info = {
        "trace_id": "tr-1",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": front.experiment}},
        "request_time": "2026-01-01T00:00:00Z",
        "tags": {tag["key"]: tag["value"]},
    }
    span = {"attributes": [{"key": f"mlflow.traceTag.{tag['key']}", "value": {"stringValue": tag["value"]}}]}
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    otlp = {"x-mlflow-experiment-id": front.experiment}
    escaped = json.dumps(spans).replace("artifactLocation", r"\u0061rtifactLocation").encode()
    binary = {**otlp, "Content-Type": "application/x-protobuf"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/3.0/mlflow/traces", {"json": {"trace": {"trace_info": info}}}),
        ("POST", "/api/3.0/mlflow/traces", {"json": {"trace": {"traceInfo": info}}}),
        ("POST", "/api/2.0/mlflow/traces", {"json": {"experiment_id": front.experiment, "tags": [tag]}}),
        ("PATCH", "/api/3.0/mlflow/traces/tr-1/tags", {"json": tag}),
        ("PATCH", "/ajax-api/2.0/mlflow/traces/tr-1/tags", {"json": tag}),
        ("PATCH", "/api/2.0/mlflow/traces/tr-1", {"json": {"tags": [tag]}}),
        ("POST", "/v1/traces", {"json": spans, "headers": otlp}),
        ("POST", "/v1/traces", {"content": escaped, "headers": {**otlp, "Content-Type": "application/json"}}),
        ("POST", "/v1/traces", {"content": b"\n\x20mlflow.traceTag.mlflow.artifactLocation", "headers": binary}),
    ]
    for method, path, given in asked:
        answer = front.ask("ann", method, path, **given)
        assert (answer.status_code, answer.json()["code"]) == (400, "tracking.foreign_location"), (path, given)


def test_an_existing_foreign_location_stays_blocked(front: Front, tmp_path: Path) -> None:
    """The attack that this rule prevents; the test makes its first step directly in MLflow, without the app."""
    secret = tmp_path / "credentials.json"
    secret.write_text("secret")
    made = front.ask_directly(
        "/api/2.0/mlflow/experiments/create", {"name": str(tmp_path), "artifact_location": tmp_path.as_uri()}
    )
    run = front.direct.create_run(made["experiment_id"], "r", "u", 1, {})["run_id"]
    files = tmp_path / run / "artifacts"
    files.mkdir(parents=True)
    (files / "link").symlink_to(secret)
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/get-artifact?run_uuid={run}&path=link", {}),
        ("GET", f"/get-artifact?run_id={run}&path=link", {}),
        ("GET", f"/get-artifact?run_id=&run_uuid={front.run}&run_uuid={run}&path=link", {}),
        ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}", {}),
        ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=link", {"content": b"overwritten"}),
        (
            "POST",
            "/graphql",
            {"json": {"query": "query { mlflowListArtifacts(input: {runId: 1}) { files { path } } }"}},
        ),
    ]
    for method, path, given in asked:
        answer = front.ask("ann", method, path, **given)
        assert answer.status_code in (400, 403), (path, answer.text)
        assert answer.json()["code"] in ("tracking.foreign_location", "tracking.not_offered")
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    ("place", "served"),
    [
        ("mlflow-artifacts:/1/run/artifacts", True),
        ("s3://workbench-mlflow/artifacts/1/run/artifacts", True),
        ("s3://workbench/mlflow/1/run", True),
        ("s3://workbench/sha256/aa", False),
        ("s3://workbench-mlflow/artifacts/../x", False),
        ("mlflow-artifacts:/1/%252e%252e/x", False),
        ("mlflow-artifacts:", False),
        ("", False),
    ],
)
def test_which_locations_are_served(place: str, served: bool) -> None:
    assert is_served(place, "workbench") is served
