"""The plain ``mlflow`` package with only the variables from `workbench mlflow env`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.app.mlflow.conftest import Front
from workbench.client.mlflow_access import client_environment

pytestmark = pytest.mark.stack

SCRIPT = """
import json, os, sys, tempfile
from pathlib import Path
import mlflow

experiment = mlflow.set_experiment("plain client")
folder, large = Path(tempfile.mkdtemp()), os.urandom(12 * 2**20)
(folder / "large.bin").write_bytes(large)
with mlflow.start_run() as run:
    mlflow.log_param("p", 1)
    mlflow.log_metric("m", 2.5)
    mlflow.log_artifact(str(folder / "large.bin"), "models")
    mlflow.log_dict({"a": "ä"}, "später.json")
    with mlflow.start_span("work") as span:
        span.set_inputs({"a": 1})
mlflow.flush_trace_async_logging()
back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="models/large.bin")
found = mlflow.search_runs([experiment.experiment_id], output_format="list")
refused = ""
try:
    mlflow.delete_run(run.info.run_id)
except mlflow.exceptions.RestException as error:
    refused = str(error)
print(json.dumps({
    "back": Path(back).read_bytes() == large,
    "text": mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/später.json"),
    "found": [(one.data.params, one.data.metrics) for one in found],
    "traces": len(mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")),
    "refused": refused,
}))
"""


def test_the_plain_client_logs_and_reads_through_the_app(front: Front) -> None:
    settings = front.deployment.settings.model_copy(update={"app_url": front.url, "app_token": front.tokens["rob"]})
    quiet = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    env = {**os.environ, **quiet, **client_environment(settings)}
    ran = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    refused = told.pop("refused")
    assert refused.startswith("PERMISSION_DENIED: rob may not delete")
    assert told == {"back": True, "text": {"a": "ä"}, "found": [[{"p": "1"}, {"m": 2.5}]], "traces": 1}
