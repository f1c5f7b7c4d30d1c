"""What the jobs of a sweep made so far, for a table with all of them: pictures, videos and metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import from_json

_NODES = "SELECT job, node, position, output, metrics FROM node_results WHERE status = 'completed' AND job IN"
_PIPELINES = "SELECT id, pipeline FROM jobs WHERE id IN"


@dataclass
class JobResults:
    """The results of one job.

    Attributes:
        picture: digest of its last video or image.
        video: digest of its result, if that is a video, else of its last video.
        metrics: node.metric -> value
    """

    picture: str | None = None
    video: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)


def results_of(
    database: Database, jobs: Collection[str], results: Mapping[str, tuple[str, str]]
) -> dict[str, JobResults]:
    """The results by job.

    Args:
        results: node and output of the main result, by pipeline.

    Raises WorkbenchError: sql.unreachable.
    """
    if not jobs:
        return {}
    sql = Statements(database.dialect)
    with database.read() as connection:
        rows = list(sql.select_in(connection, _NODES, jobs))
        pipelines = {row[0]: row[1] for row in sql.select_in(connection, _PIPELINES, jobs)}
    found: dict[str, JobResults] = {}
    for job, node, _, output, metrics in sorted(rows, key=lambda row: (row[0], row[2])):
        one = found.setdefault(job, JobResults())
        for name, value in (from_json(metrics) or {}).items():
            if isinstance(value, int | float):
                one.metrics[f"{node}.{name}"] = float(value)
        made = from_json(output) or {}
        for value in made.values():
            if (kind := _kind(value)) in ("video", "image"):
                one.picture = value["sha256"]
                one.video = value["sha256"] if kind == "video" else one.video
    for job, one in found.items():
        node, name = results.get(pipelines.get(job, ""), ("", ""))
        main = next((from_json(row[3]) or {} for row in rows if row[0] == job and row[1] == node), {}).get(name)
        if main is not None and _kind(main) == "video":
            one.picture = one.video = main["sha256"]
    return found


def _kind(value: Any) -> str:
    return str(value.get("kind", "")) if isinstance(value, dict) and "sha256" in value else ""
