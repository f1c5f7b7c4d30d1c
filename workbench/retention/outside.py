"""What engines and servers outside the bench may still keep of jobs that were erased: by what the jobs used."""

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

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def outside(parts: Parts, records: Collection[JobRecord]) -> list[Remainder]:
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
            why="what it was sent and what it made stays in its folders input/, output/ and temp/ and in its history",
        )
    for pool in sorted(pools - {"cpu", "control", "comfyui"}):
        yield Remainder(what=f"workers of the pool {pool}", why="their engines may keep files and logs of their own")
    if settings.llm_url and any(declared[name].plane == "control" for name in used if name in declared):
        yield Remainder(
            what=f"the language model's server ({without_login(settings.llm_url)})",
            why="it was sent prompts and may have logged them",
        )


def _servers(parts: Parts) -> Iterator[Remainder]:
    settings, home = parts.settings, parts.settings.home
    if not (home / "objects").is_dir():
        yield Remainder(
            what=f"the object store {without_login(settings.s3_url)}",
            why="its versions, replicas and backups are its operator's",
        )
    if not settings.sql_url.startswith("sqlite"):
        yield Remainder(
            what="the database server",
            why="its write-ahead log, dead rows until VACUUM, and backups are its operator's",
        )
    if not (home / "bus").is_dir():
        yield Remainder(what="the bus's server", why="its append-only file holds what it held until the next rewrite")
    if settings.mlflow_url and not settings.mlflow_sql_url:
        yield Remainder(
            what=f"MLflow ({without_login(settings.mlflow_url)})",
            why="rows of deleted runs stay until its operator runs `mlflow gc`; its backups are its operator's",
        )


def _workers(records: Collection[JobRecord]) -> Iterator[Remainder]:
    here = socket.gethostname().split(".")[0][:20]  # as a worker is named (engine.worker)
    names = {node.worker for record in records for node in record.nodes if node.worker}
    far = sorted({name.rpartition("-")[0] for name in names if f"-{here}-" not in name})
    if far:
        yield Remainder(
            what=f"caches of workers on other machines ({', '.join(far[:10])})",
            why="each keeps local copies until they are used no more: remove cache/ in the home of such a worker",
        )


def _people(parts: Parts, records: Collection[JobRecord]) -> Iterator[Remainder]:
    if any(parent_run(record) for record in records):
        yield Remainder(what="executed notebooks", why="their files beside the notebooks may show what the jobs made")
    saved = [record.id for record in records if record.status.final]
    if saved:
        yield Remainder(
            what="copies that people saved: downloads, `--out`, browsers, backups of this disk",
            why="the workbench does not know of them",
        )
