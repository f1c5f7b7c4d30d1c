"""Lists external places that may still keep data of erased jobs, depending on what the jobs used."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator

from nodes.registry import services
from schemas.job import JobRecord
from schemas.retention import Remainder
from workbench.retention.parts import Parts
from workbench.settings import Settings
from workbench.store.run_contents import parent_run
from workbench.store.tracking_api import without_login


def external_copies(parts: Parts, records: Collection[JobRecord]) -> list[Remainder]:
    """One entry for each place that this erasure does not reach."""
    return [*_engines(parts.settings, records), *_servers(parts), *_workers(records), *_people(parts, records)]


def _engines(settings: Settings, records: Collection[JobRecord]) -> Iterator[Remainder]:
    used = {node.service for record in records for node in record.nodes if node.started_at is not None}
    declared = services()
    pools = {declared[name].pool for name in used if name in declared}
    if "comfyui" in pools:
        where = os.environ.get("WORKBENCH_COMFYUI_URL") or "the ComfyUI server of the worker pool comfyui"
        yield Remainder(
            what=f"ComfyUI ({without_login(where) if '://' in where else where})",
            why="its folders input/, output/ and temp/ and its history keep inputs and outputs",
        )
    for pool in sorted(pools - {"cpu", "control", "comfyui"}):
        yield Remainder(what=f"workers of the pool {pool}", why="their engines may keep their own files and logs")
    if settings.llm_url and any(declared[name].plane == "control" for name in used if name in declared):
        yield Remainder(
            what=f"the LLM server ({without_login(settings.llm_url)})",
            why="it received prompts and may have logged them",
        )


def _servers(parts: Parts) -> Iterator[Remainder]:
    settings, home = parts.settings, parts.settings.home
    if not (home / "objects").is_dir():
        yield Remainder(
            what=f"the object store {without_login(settings.s3_url)}",
            why="its operator must remove versions, replicas and backups",
        )
    if not settings.sql_url.startswith("sqlite"):
        yield Remainder(
            what="the database server",
            why="its operator must remove write-ahead logs, dead rows (VACUUM) and backups",
        )
    if not (home / "bus").is_dir():
        yield Remainder(what="the bus server", why="its append-only file keeps removed data until its next rewrite")
    if settings.mlflow_url and not settings.mlflow_sql_url:
        yield Remainder(
            what=f"MLflow ({without_login(settings.mlflow_url)})",
            why="rows of deleted runs remain until its operator runs `mlflow gc` and removes backups",
        )


def _workers(records: Collection[JobRecord]) -> Iterator[Remainder]:
    here = socket.gethostname().split(".")[0][:20]  # the form used in worker names (engine.worker)
    names = {node.worker for record in records for node in record.nodes if node.worker}
    remote = sorted({name.rpartition("-")[0] for name in names if f"-{here}-" not in name})
    if remote:
        yield Remainder(
            what=f"caches of workers on other machines ({', '.join(remote[:10])})",
            why="each keeps local copies until it evicts them; to remove them now, delete cache/ in that worker's home",
        )


def _people(parts: Parts, records: Collection[JobRecord]) -> Iterator[Remainder]:
    if any(parent_run(record) for record in records):
        yield Remainder(what="executed notebooks", why="the files next to the notebooks may show outputs of the jobs")
    saved = [record.id for record in records if record.status.final]
    if saved:
        yield Remainder(
            what="copies that people saved: downloads, `--out`, browsers, backups of this disk",
            why="the workbench has no record of them",
        )
