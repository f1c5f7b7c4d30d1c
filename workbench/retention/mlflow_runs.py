"""Removes runs of deleted jobs from MLflow: marks them deleted, removes their traces, then rows and files permanently.

MLflow's own `mlflow gc` removes rows and asks a running server to remove the files, takes six seconds and 400 MB, and
leaves traces. This module removes files through the object store or the server, traces through the server, and rows by
SQL, from all tables with a column ``run_uuid``, if the settings contain MLflow's database. Otherwise the rows remain,
marked as deleted, until the operator runs `mlflow gc`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import MetaData, create_engine, delete, select, text

from schemas.errors import WorkbenchError
from schemas.retention import StoreKind
from workbench.retention.parts import Parts
from workbench.retention.removals import Removals
from workbench.store.job_deletion import DoomedRun
from workbench.store.run_artifacts import places
from workbench.store.sweep_runs import SWEEP_TAG
from workbench.store.tracking import JOB_TAG
from workbench.store.tracking_api import TrackingApi, TrackingRefused

READ_TIMEOUT_S = 10.0
SETTLED_S = 60.0  # this long after the deletion of a job, no run can be created for it any more
_SOME = 200


def remove_doomed(parts: Parts, removals: Removals) -> None:
    """Mark the runs of deleted jobs as deleted and remove their traces; report those left if MLflow is unavailable.

    Raises WorkbenchError: sql.unreachable.
    """
    doomed = parts.deletion.doomed()
    if not doomed:
        return
    if not parts.settings.mlflow_url:
        removals.left.append(f"{len(doomed)} runs of deleted jobs remain in MLflow: no server is configured.")
        return
    api = TrackingApi(parts.settings.mlflow_url, read_timeout_s=READ_TIMEOUT_S)
    settled = []
    try:
        for run in doomed:
            if _remove(api, run):
                settled.append(run.id)
    except WorkbenchError as error:
        left = len(doomed) - len(settled)
        removals.left.append(f"{left} runs of deleted jobs remain in MLflow until it is available: {error.message}.")
    parts.deletion.settle(settled)


def purge(parts: Parts, removals: Removals, *, dry_run: bool) -> None:
    """Permanently remove runs that are marked as deleted, with their files.

    Raises WorkbenchError: store.*, sql.unreachable.
    """
    if not parts.settings.mlflow_url:
        return
    own = bool(parts.settings.mlflow_sql_url)
    try:
        api = TrackingApi(parts.settings.mlflow_url, read_timeout_s=READ_TIMEOUT_S)
        runs = [run for run in api.runs(api.experiment_ids(), view="DELETED_ONLY") if own or _ours(run)]
        for run in runs:
            _remove_files(parts, api, str(run["info"]["artifact_uri"]), removals, dry_run)
    except TrackingRefused as refused:
        removals.left.append(f"Deleted runs remain in MLflow: {refused.seen}.")
        return
    except WorkbenchError as error:
        if not error.code.startswith("tracking."):
            raise
        removals.left.append("Deleted runs remain in MLflow until it is available.")
        return
    if not runs:
        return
    if own:
        removals.add(StoreKind.MLFLOW_RUNS, len(runs))
        if not dry_run:
            _delete_rows(parts.settings.mlflow_sql_url, [str(run["info"]["run_id"]) for run in runs])
    else:
        removals.left.append(
            f"{len(runs)} runs are marked as deleted in MLflow; `mlflow gc` on its server removes their rows."
        )


def notebook_files(parts: Parts, run_id: str, removals: Removals) -> set[str]:
    """Digests of the executed notebook and its HTML page, from a notebook's run. Reports if MLflow is not available."""
    try:
        tags = TrackingApi(parts.settings.mlflow_url, read_timeout_s=READ_TIMEOUT_S).run_tags(run_id)
    except WorkbenchError as error:
        if getattr(error, "reason", "") != "RESOURCE_DOES_NOT_EXIST":
            removals.left.append(f"The files of the notebook run {run_id} could not be determined: {error.message}.")
        return set()
    return {value for key, value in tags.items() if key.startswith("workbench.notebook.") and len(value) == 64}


def trace_id(job: str) -> str:
    """MLflow's id of a job's trace, whose OTLP id ``run_contents.spans`` derives from the job."""
    return f"tr-{hashlib.sha256(job.encode()).hexdigest()[:32]}"


def _remove(api: TrackingApi, doomed: DoomedRun) -> bool:
    """Mark the run as deleted and remove its trace. Returns False if the run may still be created."""
    experiment, run_id = "", doomed.run_id
    if run_id is not None:
        try:
            experiment = str(api.run_info(run_id)["experiment_id"])
        except TrackingRefused as refused:
            if refused.reason != "RESOURCE_DOES_NOT_EXIST":
                raise
            return True  # MLflow's database was replaced
    else:
        experiment = api.experiment_id(doomed.experiment)
        found = api.find_run(experiment, JOB_TAG, doomed.id)
        run_id = str(found["run_id"]) if found else None
    if run_id is not None:
        api.delete_run(run_id)
    api.delete_traces(experiment, [trace_id(doomed.id)])
    return run_id is not None or time.time() - doomed.at > SETTLED_S


def _ours(run: dict[str, Any]) -> bool:
    """Whether the workbench created the run, because a shared server also has runs of others."""
    return any(tag["key"] in (JOB_TAG, SWEEP_TAG) for tag in run.get("data", {}).get("tags", ()))


def _remove_files(parts: Parts, api: TrackingApi, artifact_uri: str, removals: Removals, dry_run: bool) -> None:
    for place in places(parts.objects.bucket):
        prefix = place.key(artifact_uri, "").rstrip("/") + "/"
        try:
            found = parts.objects.listed(prefix, place.bucket)
        except WorkbenchError as error:
            if error.code != "store.refused":
                raise
            continue  # the bucket of another owner
        if found:
            removals.add(StoreKind.MLFLOW_FILES, len(found), sum(item.size_bytes for item in found))
            if not dry_run:
                parts.objects.delete_keys([item.key for item in found], place.bucket)
            return
    if not dry_run:
        api.delete_files(artifact_uri)  # in a store that only MLflow can reach


def _delete_rows(url: str, run_ids: Sequence[str]) -> None:
    """Remove the runs' rows from MLflow's database."""
    # ``Database`` is not used, because it would change the journal mode of MLflow's file.
    engine = create_engine(url, connect_args={"timeout": 15.0} if url.startswith("sqlite") else {})
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA secure_delete = ON"))  # overwrites freed pages
            metadata = MetaData()
            metadata.reflect(connection)
            tables = [table for table in metadata.sorted_tables if "run_uuid" in table.c]
            runs = metadata.tables["runs"]
            for start in range(0, len(run_ids), _SOME):
                some = list(run_ids[start : start + _SOME])
                # Check again, because a person may have restored a run meanwhile.
                deleted = select(runs.c.run_uuid).where(runs.c.run_uuid.in_(some), runs.c.lifecycle_stage == "deleted")
                gone = list(connection.execute(deleted).scalars())
                for table in reversed(tables):  # tables that refer to a run come first
                    connection.execute(delete(table).where(table.c.run_uuid.in_(gone)))
    finally:
        engine.dispose()
