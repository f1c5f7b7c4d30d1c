"""A job as a static picture: for notebooks that are exported, and where no widgets are."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from schemas.job import JobRecord
from schemas.refs import Ref
from workbench.client.view import final_video
from workbench.notebook.drawing import Drawing
from workbench.notebook.tables import html_table
from workbench.pipelines.registry import pipeline_result

if TYPE_CHECKING:
    from workbench.notebook.job import Job

SHOWN_METRICS = 12


def job_html(job: Job) -> str:
    """Its state now: status, video, graph, figures."""
    record = job.record
    took = f" in {record.finished_at - record.created_at:.1f} s" if record.finished_at else ""
    what = html.escape(record.pipeline or record.graph.workflow_id)
    parts = [f"<p><strong>{what}</strong> {record.status.value}{took} <code>{html.escape(record.id)}</code></p>"]
    if record.error is not None:
        parts.append(f"<p><strong>{html.escape(record.error.message)}</strong></p>")
        if remedy := record.error.details.get("remedy"):
            parts.append(f"<p>{html.escape(str(remedy))}</p>")
    video = video_of(record)
    if video is not None:
        parts.append(job._workbench.artifact(video)._repr_html_())
    parts.append(Drawing(record.graph, {node.id: node.status for node in record.nodes}).svg)
    figures = [
        {"figure": f"{node.id}.{name}", "value": f"{value:.4g}"}
        for node in record.nodes
        if node.service.startswith("evaluate.")
        for name, value in node.metrics.items()
    ]
    if figures:
        parts.append(html_table(figures[:SHOWN_METRICS]))
    return "".join(parts)


def video_of(record: JobRecord) -> Ref | None:
    """The video that its pipeline names, else the last one that any node made so far."""
    return final_video(record, pipeline_result(record.pipeline))
