"""Asking MLflow over its REST API, as its page does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit


class Run:
    """The run behind the URL that a job names."""

    def __init__(self, page: str) -> None:
        parts = urlsplit(page)
        self.server = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.id = parts.fragment.partition("?")[0].rpartition("/")[2]
        self._run = self._ask(f"/api/2.0/mlflow/runs/get?run_id={self.id}")["run"]

    @property
    def status(self) -> str:
        return str(self._run["info"]["status"])

    @property
    def deleted(self) -> bool:
        """Whether it is marked as deleted now."""
        found = self._ask(f"/api/2.0/mlflow/runs/get?run_id={self.id}")["run"]
        return bool(found["info"]["lifecycle_stage"] == "deleted")

    @property
    def gone(self) -> bool:
        """Whether MLflow has no trace of it any more."""
        try:
            self._ask(f"/api/2.0/mlflow/runs/get?run_id={self.id}")
        except urllib.error.HTTPError as refused:
            return refused.code == 404
        return False

    @property
    def experiment(self) -> str:
        found = self._ask(f"/api/2.0/mlflow/experiments/get?experiment_id={self._run['info']['experiment_id']}")
        return str(found["experiment"]["name"])

    def values(self, kind: str) -> dict[str, Any]:
        """``params``, ``metrics`` or ``tags`` by key."""
        return {item["key"]: item["value"] for item in self._run["data"].get(kind, [])}

    def files(self) -> dict[str, int]:
        """Sizes in bytes of the run's artifacts by name."""
        listed = self._ask(f"/api/2.0/mlflow/artifacts/list?run_id={self.id}")["files"]
        return {file["path"]: int(file["file_size"]) for file in listed}

    def file(self, name: str) -> bytes:
        with urllib.request.urlopen(f"{self.server}/get-artifact?run_uuid={self.id}&path={name}") as answer:
            return bytes(answer.read())

    def span_names(self, root: str) -> list[str]:
        """Names of the spans of the trace of that id, sorted; the trace must be among the experiment's."""
        experiment = {"experiment_id": self._run["info"]["experiment_id"]}
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment}
        traces = self._ask("/api/3.0/mlflow/traces/search", {"locations": [where], "max_results": 100})["traces"]
        assert root in {trace["trace_id"] for trace in traces}
        found = self._ask(f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={root}")
        return sorted(span["name"] for span in found["spans"])

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
