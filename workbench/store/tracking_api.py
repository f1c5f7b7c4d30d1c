"""A client for the MLflow requests of the tracker, over one kept-alive connection.

It uses plain REST instead of the ``mlflow`` package, which takes 3 s and 150 MB to import, retries for minutes inside a
call, and needs two requests and an export queue for a trace with given times. The endpoints are MLflow's public REST
API 2.0 and its OTLP receiver; tested with 3.17.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from schemas.errors import WorkbenchError
from workbench.store.unix_pool import UnixPool
from workbench.unix_url import socket_of

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 30.0


class TrackingUnavailable(WorkbenchError):
    """MLflow is unreachable, slow or broken, and the job is not the cause. Try all jobs again later."""

    def __init__(self, url: str, seen: str, remedy: str = "") -> None:
        super().__init__(
            "tracking.unreachable",
            "the MLflow server is not available",
            where=url,
            seen=seen,
            remedy=remedy or "Check `workbench status`. Jobs continue without MLflow and are recorded afterwards.",
        )


class TrackingRefused(WorkbenchError):
    """MLflow rejected this request; requests for other jobs may succeed.

    Attributes:
        reason: MLflow's own error code, e.g. ``RESOURCE_DOES_NOT_EXIST``.
        remark: MLflow's own sentence, for people who look at the job; without addresses.
    """

    def __init__(self, where: str, reason: str, seen: str, sentence: str = "") -> None:
        super().__init__(
            "tracking.refused",
            f"MLflow rejected the record ({reason})",
            where=where,
            seen=seen[:1000],
            remedy="The job itself is not affected. Recording is retried with increasing delays.",
        )
        self.reason = reason
        self.remark = f"MLflow rejected the record: {sentence or reason}"


class TrackingApi:
    """One MLflow server. Thread-safe and blocking. Every method raises TrackingUnavailable and TrackingRefused.

    Args:
        url: ``http(s)://[user:password@]host[:port][/prefix]``, or ``http+unix://<socket, percent-encoded>[/prefix]``.
    """

    def __init__(self, url: str, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self.url = without_login(url)
        path = socket_of(url)
        self._base = parts.path.rstrip("/") if path else self.url  # prefix of all request paths
        self.requests = 0  # sent so far, for measurements
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username and not path else None
        self._headers = dict(urllib3.make_headers(basic_auth=login)) if login else {}
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s)
        self._http: urllib3.PoolManager | UnixPool = (
            UnixPool(path, maxsize=4, timeout=timeout)
            if path
            else urllib3.PoolManager(maxsize=4, retries=False, timeout=timeout)
        )

    def experiment_id(self, name: str) -> str:
        """The id of the experiment with this name, deleted or not, which is created if it does not exist."""
        return self.find_experiment(name) or str(
            self._api("POST", "experiments/create", {"name": name})["experiment_id"]
        )

    def find_experiment(self, name: str) -> str | None:
        """The id of the experiment with this name, deleted or not; None if it does not exist."""
        try:
            found = self._api("GET", f"experiments/get-by-name?experiment_name={quote(name, safe='')}")["experiment"]
        except TrackingRefused as refused:
            if refused.reason != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return str(found["experiment_id"])

    def restore_experiment(self, experiment_id: str) -> bool:
        """Restore an experiment that a person deleted, with all its runs. Returns False if it was not deleted."""
        found = self._api("GET", f"experiments/get?experiment_id={experiment_id}")["experiment"]
        if found.get("lifecycle_stage") != "deleted":
            return False
        self._api("POST", "experiments/restore", {"experiment_id": experiment_id})
        return True

    def create_run(
        self, experiment_id: str, name: str, user: str, start_ms: int, tags: dict[str, str]
    ) -> dict[str, Any]:
        """Create a run and return its ``info``: run_id, artifact_uri, …"""
        body = {
            "experiment_id": experiment_id,
            "user_id": user,
            "run_name": name,
            "start_time": start_ms,
            "tags": _pairs(tags),
        }
        info: dict[str, Any] = self._api("POST", "runs/create", body)["run"]["info"]
        return info

    def find_run(self, experiment_id: str, tag: str, value: str, *, unended: bool = False) -> dict[str, Any] | None:
        """The ``info`` of the oldest run with this tag, or None.

        Args:
            unended: only consider runs that neither finished nor failed.
        """
        open_ = " and attributes.status != 'FINISHED' and attributes.status != 'FAILED'" if unended else ""
        body = {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{tag}` = '{value}'{open_}",
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1,
        }
        runs = self._api("POST", "runs/search", body).get("runs") or []
        info: dict[str, Any] | None = runs[0]["info"] if runs else None
        return info

    def run_info(self, run_id: str) -> dict[str, Any]:
        """A run's ``info``."""
        info: dict[str, Any] = self._api("GET", f"runs/get?run_id={run_id}")["run"]["info"]
        return info

    def run_tags(self, run_id: str) -> dict[str, str]:
        """A run's tags by key."""
        data = self._api("GET", f"runs/get?run_id={run_id}")["run"].get("data", {})
        return {str(tag["key"]): str(tag["value"]) for tag in data.get("tags", ())}

    def last_steps(self, run_id: str) -> dict[str, int]:
        """The last step of each of a run's metrics, by key."""
        data = self._api("GET", f"runs/get?run_id={run_id}")["run"].get("data", {})
        return {str(one["key"]): int(one.get("step", 0)) for one in data.get("metrics", ())}

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted; `mlflow gc` removes it permanently. A missing run counts as deleted."""
        try:
            self._api("POST", "runs/delete", {"run_id": run_id})
        except TrackingRefused as refused:
            if refused.reason != "RESOURCE_DOES_NOT_EXIST":
                raise

    def experiment_ids(self) -> list[str]:
        """All experiments, including deleted ones."""
        return [str(found["experiment_id"]) for found in self._pages("experiments/search", {"view_type": "ALL"})]

    def runs(self, experiment_ids: list[str], filter_: str = "", view: str = "ALL") -> list[dict[str, Any]]:
        """``info`` and ``data`` of matching runs.

        Args:
            view: ALL, ACTIVE_ONLY or DELETED_ONLY.
        """
        if not experiment_ids:
            return []
        body = {"experiment_ids": experiment_ids, "filter": filter_, "run_view_type": view}
        return self._pages("runs/search", body)

    def delete_traces(self, experiment_id: str, trace_ids: list[str]) -> int:
        """Remove traces permanently. Returns their number."""
        body = {"experiment_id": experiment_id, "request_ids": trace_ids}
        return int(self._api("POST", "traces/delete-traces", body).get("traces_deleted") or 0)

    def delete_files(self, artifact_uri: str) -> None:
        """Remove all files of a run through the server, which must serve artifacts."""
        self._request("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{artifact_path(artifact_uri)}", None, {})

    def _pages(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """All results of a paged search; each page has them under the first part of the path."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self._api("POST", path, body | {"max_results": 1000} | ({"page_token": token} if token else {}))
            found += answer.get(path.partition("/")[0]) or []
            token = str(answer.get("next_page_token") or "")
            if not token:
                return found

    def log_batch(
        self, run_id: str, metrics: list[dict[str, Any]], params: dict[str, str], tags: dict[str, str]
    ) -> None:
        """Log metrics (``key, value, timestamp, step``), parameters and tags at once. Repeating it changes nothing."""
        body = {"run_id": run_id, "metrics": metrics, "params": _pairs(params), "tags": _pairs(tags)}
        self._api("POST", "runs/log-batch", body)

    def update_run(self, run_id: str, status: str, end_ms: int | None) -> None:
        """Set the run's status: RUNNING, FINISHED, FAILED or KILLED."""
        self._api("POST", "runs/update", {"run_id": run_id, "status": status, "end_time": end_ms})

    def log_spans(self, experiment_id: str, run_id: str, spans: list[dict[str, Any]]) -> None:
        """Log spans of one trace in OTLP's JSON format, linked to the run. Spans with equal ids are replaced."""
        body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "workbench"}, "spans": spans}]}]}
        headers = {
            "Content-Type": "application/json",
            "x-mlflow-experiment-id": experiment_id,
            "x-mlflow-run-id": run_id,
        }
        self._request("POST", "/v1/traces", orjson.dumps(body), headers)

    def upload(self, artifact_uri: str, name: str, data: bytes | Path, media_type: str) -> None:
        """Store an artifact of a run through the server, which must serve artifacts (``mlflow-artifacts:``)."""
        path = f"/api/2.0/mlflow-artifacts/artifacts/{artifact_path(artifact_uri)}/{quote(name)}"
        headers = {"Content-Type": media_type}
        if isinstance(data, bytes):
            self._request("PUT", path, data, headers)
        else:
            with data.open("rb") as file:
                self._request("PUT", path, file, headers | {"Content-Length": str(data.stat().st_size)})

    def _api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        answer = self._request(method, f"/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
        parsed: dict[str, Any] = orjson.loads(answer) if answer else {}
        return parsed

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        self.requests += 1
        try:
            response = self._http.request(method, self._base + path, body=body, headers=self._headers | headers)
        except (HTTPError, OSError) as fault:
            raise TrackingUnavailable(self.url, f"{type(fault).__name__}: {fault}") from fault
        if response.status < 300:
            return response.data
        answer = response.data[:1000].decode(errors="replace")
        where = f"{self.url}{path.partition('?')[0]}"
        if response.status in (401, 403):
            remedy = "Check the login in WORKBENCH_MLFLOW_URL and the server's --allowed-hosts."
            raise TrackingUnavailable(where, f"{response.status} {answer}", remedy)
        if response.status >= 500 or response.status in (408, 429):
            raise TrackingUnavailable(where, f"{response.status} {answer}")
        raise TrackingRefused(
            where, _said(response.data, "error_code") or str(response.status), answer, _said(response.data, "message")
        )


def without_login(url: str) -> str:
    """The URL for display: without user, password and trailing slash; empty if none is set."""
    parts = urlsplit(url)
    return url and f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def artifact_path(artifact_uri: str) -> str:
    """``1/<run>/artifacts`` of ``mlflow-artifacts:/1/<run>/artifacts``."""
    return urlsplit(artifact_uri).path.strip("/")


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _said(data: bytes, field: str) -> str:
    try:
        answer = orjson.loads(data)
    except ValueError:
        return ""
    return str(answer.get(field) or "") if isinstance(answer, dict) else ""
