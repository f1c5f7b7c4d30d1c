"""Records an execution as an MLflow run: parameters, metrics, the executed notebook and its page; its jobs are child
runs.

The run is created before the kernel starts and ended last, so a run with the status FINISHED is complete.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import run_page
from workbench.client.uploads import store_file
from workbench.notebook.execution.run import Execution, Outcome, stopped
from workbench.store.run_artifacts import RunArtifacts
from workbench.store.run_contents import MAX_TAG, Deliverable, code_version, key_of, text_of
from workbench.store.tracking_api import TrackingApi, TrackingRefused, TrackingUnavailable

KEY_TAG = "workbench.execution"
OWNER = "local"
START_S = 90.0  # MLflow takes 10–15 s to start, longer on a busy machine, and the stack is usable before that
LOOK_EVERY_S = 0.5
MAX_PARAMS = 100  # per request
_STATUS = {"completed": "FINISHED", "failed": "FAILED"}
_MEDIA = {".ipynb": "application/x-ipynb+json", ".html": "text/html"}


class Recorder:
    """Records executions in one deployment. Thread-safe. Without an MLflow server, only the files are stored.

    Attributes:
        reached: whether MLflow has responded.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._api = TrackingApi(deployment.settings.mlflow_url) if deployment.settings.mlflow_url else None
        self._artifacts = RunArtifacts(self._api, deployment.objects) if self._api else None
        self._lock = threading.Lock()
        self._beginning = (
            threading.Lock()
        )  # a separate lock, so that ended executions are recorded while others wait to begin
        self._until: float | None = None  # deadline for MLflow, set when it did not respond
        self.reached = False

    def begin(self, execution: Execution, stop: threading.Event) -> str | None:
        """Create the run of the execution, or reopen the one that was left open when it was killed; None without
        MLflow.

        Args:
            stop: set to stop waiting.

        Raises WorkbenchError: tracking.unreachable after no response for 90 s, tracking.refused, notebook.stopped.
        """
        if self._api is None:
            return None
        with self._beginning:  # otherwise the first two could create the experiment twice
            experiment = self._experiment(execution, stop)
            key = _key(execution)
            info = self._api.find_run(experiment, KEY_TAG, key, unended=True)
            if info is None:
                tags = _tags(execution) | {KEY_TAG: key}
                info = self._api.create_run(experiment, execution.name, OWNER, int(time.time() * 1000), tags)
            elif info["status"] != "RUNNING":
                self._api.update_run(str(info["run_id"]), "RUNNING", None)
        run = str(info["run_id"])
        params = list(flattened(execution.parameters))
        for start in range(0, len(params), MAX_PARAMS):
            self._api.log_batch(run, [], dict(params[start : start + MAX_PARAMS]), {})
        return run

    def end(self, outcome: Outcome) -> None:
        """Store the notebook and its page in the object store and in the run, and end the run. May be repeated.

        If MLflow or the store is unreachable, ``outcome.unrecorded`` contains the reason.
        """
        try:
            files = self._keep(outcome)
            if self._api is not None and outcome.run:
                self._log(self._api, outcome, files)
        except WorkbenchError as error:
            outcome.unrecorded = f"{error.message} ({error.where})"

    def finish_open_run(self, outcome: Outcome) -> None:
        """End the run of an execution that completed before, if the process that ran it could not."""
        if self._api is None or not outcome.run:
            return
        try:
            open_ = self._api.run_info(outcome.run)["status"] == "RUNNING"
        except TrackingRefused:  # the run was deleted
            return
        except TrackingUnavailable as away:
            outcome.unrecorded = away.message
            return
        if open_:
            self.end(outcome)

    def abandon(self, run: str | None, error: WorkbenchError) -> None:
        """End the run of an execution without a result."""
        if self._api is None or run is None:
            return
        killed = error.code == "notebook.stopped"
        try:
            text = f"{error.code}: {error.message}"
            self._api.log_batch(run, [], {}, {"workbench.error": text})
            self._api.update_run(run, "KILLED" if killed else "FAILED", int(time.time() * 1000))
        except WorkbenchError:  # the next attempt finds it by its tag
            return

    def url(self, run: str | None) -> str | None:
        """URL of the run's page."""
        return run_page(self._deployment.settings, run)

    def _experiment(self, execution: Execution, stop: threading.Event) -> str:
        """The id of the experiment.

        All executions share one wait for MLflow; after it has failed, each one tries once.
        """
        assert self._api is not None
        while not stop.is_set():
            try:
                found = self._api.experiment_id(execution.experiment)
            except TrackingUnavailable:
                self._until = self._until or time.monotonic() + START_S
                if time.monotonic() >= self._until:
                    raise
            else:
                self._until, self.reached = None, True
                return found
            stop.wait(LOOK_EVERY_S)
        raise stopped(execution.notebook)

    def _keep(self, outcome: Outcome) -> list[Deliverable]:
        """Store the files in the object store, so that the page can show them by digest."""
        kept = []
        for path, name in ((outcome.file, "notebook.ipynb"), (outcome.html, "notebook.html")):
            if path is None or not path.exists():
                continue
            ref = store_file(self._deployment, path, "file")[0].model_copy(update={"media_type": _MEDIA[path.suffix]})
            self._deployment.grants.add_upload(
                OWNER, ref, {"kind": ref.kind, "ref": ref.model_dump(mode="json", exclude_none=True)}
            )
            kept.append(Deliverable(name, ref=ref, media_type=ref.media_type))
        return kept

    def _log(self, api: TrackingApi, outcome: Outcome, files: list[Deliverable]) -> None:
        assert self._artifacts is not None and outcome.run
        end_ms = int(time.time() * 1000)
        values = {**outcome.metrics, "notebook.seconds": outcome.seconds}
        metrics = [{"key": key_of(k), "value": v, "timestamp": end_ms, "step": 0} for k, v in values.items()]
        tags = {"workbench.jobs": " ".join(outcome.jobs)}
        tags |= {f"workbench.{file.name}": file.ref.sha256 for file in files if file.ref is not None}
        if outcome.error:
            tags["workbench.error"] = f"{outcome.error['name']}: {outcome.error['message']}"
        api.log_batch(outcome.run, metrics, {}, {name: text[:MAX_TAG] for name, text in tags.items() if text})
        with self._lock:
            self._artifacts.put(str(api.run_info(outcome.run)["artifact_uri"]), files)
        status = _STATUS["failed" if outcome.error else "completed"]
        api.update_run(outcome.run, status, end_ms)


def flattened(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Parameters in the form for MLflow: ``params.animate.sway`` for an entry of a dict."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{above}{name}.")
        else:
            yield key_of(f"{above}{name}"), text_of(value)


def _tags(execution: Execution) -> dict[str, str]:
    return {
        "workbench.notebook": execution.notebook.name,
        "workbench.notebook_digest": execution.digest,
        "workbench.code_version": code_version(),
        "mlflow.source.name": execution.notebook.name,
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.user": OWNER,
    }


def _key(execution: Execution) -> str:
    """The key of a notebook with its values and its folder."""
    place: Path = execution.folder.resolve()
    return hashlib.sha256(f"{execution.digest} {place}".encode()).hexdigest()
