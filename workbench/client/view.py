"""A job, as the front ends print it."""

from __future__ import annotations

from pathlib import Path

from schemas.job import JobRecord, JobView, NodeView
from schemas.refs import Ref, VideoRef, refs_in
from schemas.series import summary
from workbench.store.job_times import first_frame_s, times_of
from workbench.store.record import named_refs


def view(record: JobRecord, *, video: Path | None = None, mlflow_run: str | None = None) -> JobView:
    """The JSON that ``workbench run`` and ``workbench job show`` print."""
    times = times_of(record)
    return JobView(
        job_id=record.id,
        status=record.status,
        video=str(video) if video else None,
        seconds=times and times.total_s,
        compute_seconds=times and times.compute_s,
        waiting_seconds=times and times.waiting_s,
        first_frame_seconds=first_frame_s(record.created_at, record.nodes),
        mlflow_run=mlflow_run,
        tracking_error=record.tracking_error,
        nodes=[NodeView.model_validate(node, from_attributes=True) for node in record.nodes],
        metrics={f"{node.id}.{name}": value for node in record.nodes for name, value in node.metrics.items()},
        series={f"{node.id}.{name}": summary(its) for node in record.nodes for name, its in node.series.items()},
        error=record.error,
    )


def artifacts(record: JobRecord) -> list[tuple[str, str, Ref]]:
    """(node, output, reference) of all artifacts that the job made, in node order."""
    return [
        (node.id, name, ref)
        for node in record.nodes
        for name, value in (node.output or {}).items()
        for ref in refs_in(value)
    ]


def named_artifacts(record: JobRecord) -> list[tuple[str, str, str, Ref]]:
    """(node, "input" or "output", dotted name, reference) of all files that the job refers to, in node order."""
    found = []
    for node in record.graph.nodes:
        for role, value in (("input", {**node.params, **node.input}), ("output", node.output or {})):
            found += [(node.id, role, name, ref) for name, ref in named_refs(value)]
    return found


def final_file(record: JobRecord, result: tuple[str, str] | None) -> Ref | None:
    """The declared result of the job's pipeline, if it is a file; None while there is none."""
    return next((ref for node, name, ref in artifacts(record) if (node, name) == result), None)


def final_video(record: JobRecord, result: tuple[str, str] | None = None) -> Ref | None:
    """The job's video: the declared result of its pipeline, else the last video that a node made."""
    made = [(node, name, ref) for node, name, ref in artifacts(record) if isinstance(ref, VideoRef)]
    if result is not None:
        made = [entry for entry in made if entry[:2] == result] or made
    return made[-1][2] if made else None
