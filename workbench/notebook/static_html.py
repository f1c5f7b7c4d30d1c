"""Artifacts and jobs as HTML without kernel and scripts, for exported notebooks."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from typing import Any

from rich.filesize import decimal as size_text

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.refs import Ref
from schemas.series import sentence
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import thumbnail
from workbench.client.metric_meanings import by_dotted_name, meanings
from workbench.client.view import final_video
from workbench.notebook.metrics import metrics_html
from workbench.notebook.tables import html_table
from workbench.pipelines.registry import pipeline_result
from workbench.store.job_times import times_of

LINK_S = 7 * 24 * 3600  # the longest lifetime that S3 signs
TEXT_SHOWN = 4000  # bytes
POSTER_PX = 320
SHOWN_METRICS = 12


def link_to(deployment: Deployment, ref: Ref) -> str:
    """A link of the object store that expires after a week."""
    return deployment.objects.presign(ref.sha256, expires_s=LINK_S, filename=ref.name or "", media_type=ref.media_type)


def artifact_html(deployment: Deployment, ref: Ref) -> str:
    """A player, an image, a text or a link, with the properties of the artifact. Blocks."""
    caption = f'<figcaption style="opacity:.7">{facts(ref)}</figcaption>'
    return f'<figure style="margin:0">{_player(deployment, ref)}{caption}</figure>'


def artifact_text(ref: Ref) -> str:
    """An artifact as one line of text."""
    return f"<{ref.kind} {ref.sha256[:12]} {facts(ref)}>"


def _player(deployment: Deployment, ref: Ref) -> str:
    url = html.escape(link_to(deployment, ref), quote=True)
    match ref.kind:
        case "video":
            style = f"max-width:100%;{_shape(ref)}"
            poster = f' poster="{found}"' if (found := _poster(deployment, ref)) else ""
            return f'<video src="{url}"{poster} controls playsinline preload="none" style="{style}"></video>'
        case "audio":
            return f'<audio src="{url}" controls preload="none" style="width:100%;max-width:32em"></audio>'
        case "image":
            name = html.escape(ref.name or "image", quote=True)
            return f'<img src="{url}" alt="{name}" loading="lazy" style="max-width:min(100%,512px)">'
        case "text" | "json":
            with deployment.open(ref).open("rb") as file:
                text = file.read(TEXT_SHOWN + 1).decode(errors="replace")
            more = "…" if len(text) > TEXT_SHOWN else ""
            return f'<pre style="white-space:pre-wrap">{html.escape(text[:TEXT_SHOWN])}{more}</pre>'
    return f'<a href="{url}">{html.escape(ref.name or ref.sha256[:12])}</a>'


def _poster(deployment: Deployment, ref: Ref) -> str:
    """A frame of a video as ``data:``, so that it is visible without the workbench; "" if there is none."""
    try:
        frame = thumbnail(deployment, ref, POSTER_PX).read_bytes()
    except WorkbenchError:  # the video plays without it, or shows its own error
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(frame).decode()}"


def job_html(deployment: Deployment, record: JobRecord) -> str:
    """The state of a job: status, video, graph, metrics. Blocks."""
    took = f": {times.words}" if (times := times_of(record)) else ""
    what = html.escape(record.pipeline or record.graph.workflow_id)
    parts = [f"<p><strong>{what}</strong> {record.status.value}{took} <code>{html.escape(record.id)}</code></p>"]
    if record.error is not None:
        parts.append(f"<p><strong>{html.escape(record.error.message)}</strong></p>")
        if remedy := record.error.details.get("remedy"):
            parts.append(f"<p>{html.escape(str(remedy))}</p>")
    video = video_of(record)
    if video is not None:
        parts.append(artifact_html(deployment, video))
    parts.append(graph_html(record.graph, states_of(record)))
    metrics = {
        f"{node.id}.{name}": value
        for node in record.nodes
        if node.service.startswith("evaluate.")
        for name, value in node.metrics.items()
    }
    if metrics:
        known = by_dotted_name(meanings(deployment, record.nodes))
        parts.append(metrics_html(dict(list(metrics.items())[:SHOWN_METRICS]), known))
    for node in record.nodes:
        parts += [f"<p>{html.escape(sentence(f'{node.id}.{name}', its))}</p>" for name, its in node.series.items()]
    return "".join(parts)


def job_text(record: JobRecord, unserved: tuple[str, ...] = ()) -> str:
    """The state of a job as one line of text."""
    failed = f": {record.error.message}" if record.error else ""
    waits = f", queued: no worker provides {'; '.join(unserved)}" if unserved and not record.started_at else ""
    return f"<Job {record.id} {record.pipeline or record.graph.workflow_id} {record.status.value}{failed}{waits}>"


def states_of(record: JobRecord) -> dict[str, NodeStatus]:
    """The states of a job's nodes by id."""
    return {node.id: node.status for node in record.nodes}


def graph_html(graph: Graph, states: Mapping[str, NodeStatus]) -> str:
    """A graph as a table: its nodes in document order, with their states and parents."""
    parents = graph.parents()
    return html_table(
        [
            {
                "node": node.name or node.id,
                "service": node.service,
                "state": states.get(node.id, node.status).value,
                "after": ", ".join(edge.from_ for edge in parents[node.id]),
            }
            for node in graph.nodes
        ]
    )


def graph_text(graph: Graph) -> str:
    """A graph as lines of text: its edges, then the nodes without any."""
    joined = {node for edge in graph.edges for node in (edge.from_, edge.to)}
    edges = [f"{edge.from_} -> {edge.to}" for edge in graph.edges]
    return "\n".join([*edges, *(node.id for node in graph.nodes if node.id not in joined)])


def video_of(record: JobRecord) -> Ref | None:
    """The declared result of its pipeline, else the last video that a node has made so far."""
    return final_video(record, pipeline_result(record.pipeline))


def facts(ref: Ref) -> str:
    """The properties of an artifact, as one line of text."""
    known: dict[str, Any] = ref.model_dump(by_alias=False, exclude_none=True)
    parts = []
    if "width" in known and "height" in known:
        parts.append(f"{known['width']} × {known['height']}")
    if "fps" in known:
        parts.append(f"{known['fps']:g} fps")
    if "duration_s" in known:
        parts.append(f"{known['duration_s']:.1f} s")
    if "size_bytes" in known:
        parts.append(size_text(known["size_bytes"]))
    return " · ".join(parts)


def _shape(ref: Ref) -> str:
    width, height = getattr(ref, "width", None), getattr(ref, "height", None)
    return f"width:{width}px;aspect-ratio:{width}/{height}" if width and height else ""
