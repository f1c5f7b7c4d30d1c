"""What a job's run in MLflow says: pure functions from a job record to parameters, metrics, tags, spans and files."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import orjson

from schemas.graph import Node
from schemas.job import JobRecord, NodeRecord
from schemas.refs import Ref
from schemas.status import JobStatus, NodeStatus
from workbench.store.record import named_refs

# MLflow's limits, as its server checks them (3.17).
MAX_VALUE = 6000
MAX_TAG = 8000
MAX_KEY = 250
PARENT_RUN = "parentRun"  # in a graph's metadata: id of the run that its job belongs below

RUN_STATUS = {
    JobStatus.COMPLETED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
}
_FIGURES = (("seconds", 1.0), ("cpu_seconds", 1.0), ("peak_memory_bytes", 2.0**-20))
_KEY = re.compile(r"[^\w\-. :/]")
_SUFFIXES = {"audio/wav": ".wav", "video/mp4": ".mp4", "video/webm": ".webm", "image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True)
class Deliverable:
    """A file of the run, under a name for people: an artifact, or bytes made here."""

    name: str
    ref: Ref | None = None
    data: bytes = b""
    media_type: str = "application/octet-stream"


def parameters(job: JobRecord) -> dict[str, str]:
    """``node.param`` of every node, the values its inputs were given, and the seed. Long ones are cut."""
    found = {"seed": str(job.seed)}
    for node in job.graph.nodes:
        for name, value in node.params.items():
            found[key_of(f"{node.id}.{name}")] = text_of(value)
        for name, value in node.input.items():
            if not (isinstance(value, str) and value.startswith("$")):
                found.setdefault(key_of(f"{node.id}.{name}"), text_of(_digest_only(value)))
    return found


def metrics(job: JobRecord) -> list[dict[str, Any]]:
    """``node.metric`` of every finished node and the job's own figures, stamped with the times in SQL.

    The stamps make a repeated log the same log: MLflow keeps equal points once.
    """
    found = []
    for node in job.nodes:
        stamp = _ms(node.finished_at or job.finished_at or job.created_at)
        figures = {
            name.replace("_bytes", "_mib"): value * factor
            for name, factor in _FIGURES
            if (value := getattr(node, name)) is not None and node.status is NodeStatus.COMPLETED
        }
        for name, value in {**figures, **node.metrics}.items():
            found.append({"key": key_of(f"{node.id}.{name}"), "value": value, "timestamp": stamp, "step": 0})
    end = job.finished_at
    if end is not None:
        whole = {
            "seconds": end - job.created_at,
            "queued_seconds": (job.started_at or end) - job.created_at,
            "nodes_cached": float(sum(node.cached for node in job.nodes)),
        }
        found += [{"key": key, "value": value, "timestamp": _ms(end), "step": 0} for key, value in whole.items()]
    return found


def tags(job: JobRecord) -> dict[str, str]:
    """What identifies the job: its id, graph, code, owner, family, and of each node what made it."""
    found = {
        "workbench.job": job.id,
        "workbench.status": job.status.value,
        "workbench.graph_hash": job.graph_hash,
        "workbench.code_version": code_version(),
        "workbench.workflow": job.graph.workflow_id,
        "workbench.pipeline": job.pipeline,
        "workbench.owner": job.owner,
        "workbench.parent": job.parent or "",
        "workbench.sweep": job.sweep or "",
        "consent": _consent(job.graph.metadata.get("consent")),
        "workbench.error": f"{job.error.code}: {job.error.message}" if job.error else "",
        "mlflow.note.content": script(job),  # the description on the run's page
        "mlflow.user": job.owner,
        "mlflow.source.name": job.pipeline or job.graph.workflow_id,
    }
    for node in job.graph.nodes:
        found[key_of(f"workbench.node.{node.id}")] = _made_by(node)
    return {key: value[:MAX_TAG] for key, value in found.items() if value}


def _made_by(node: Node) -> str:
    parts = [node.service, node.version]
    parts += [f"{what} {digest}" for what, digest in (("code", node.code), ("weights", node.weights)) if digest]
    return " ".join(filter(None, [*parts, *(node.packages or ())]))


def _consent(said: Any) -> str:
    if not isinstance(said, dict):
        return ""
    agreed = "given" if said.get("given") else "not given"
    return f"{agreed}, said {said.get('by', 'somebody')}: {said.get('text', '')}".rstrip(": ")


def parent_run(job: JobRecord) -> str:
    """The run that the job was started in, such as that of a notebook; "" for most."""
    return str(job.graph.metadata.get(PARENT_RUN) or "")


def run_name(job: JobRecord) -> str:
    """A name for people: the pipeline or workflow and the beginning of the job's id."""
    return f"{job.pipeline or job.graph.workflow_id} {job.id[:8]}"


def spans(job: JobRecord) -> list[dict[str, Any]]:
    """One trace in OTLP's JSON form: the job, and below it each node that ran or was taken from the cache.

    Ids come from the job's, so a repeated export replaces the spans instead of adding to them.
    """
    trace_id = hashlib.sha256(job.id.encode()).hexdigest()[:32]
    root_id = _span_id(job.id, "")
    begin = job.started_at or job.created_at
    end = max(job.finished_at or begin, begin)
    request = {"workflow": job.graph.workflow_id, "seed": job.seed}
    found = [
        _span(trace_id, root_id, "", run_name(job), begin, end, "CHAIN", request, _outcome(job))
        | {"status": _span_status(job.status is JobStatus.COMPLETED, job.error.message if job.error else "")}
    ]
    graph = {node.id: node for node in job.graph.nodes}
    for node in job.nodes:
        if node.finished_at is None or node.status not in (NodeStatus.COMPLETED, NodeStatus.FAILED):
            continue
        # A cached node's times may be those of the computation long ago: its span is a point within this job.
        finish = min(max(node.finished_at, begin), end)
        start = finish if node.cached else min(max(node.started_at or finish, begin), finish)
        span = _span(
            trace_id,
            _span_id(job.id, node.id),
            root_id,
            f"{node.id} ({node.service})",
            start,
            finish,
            "TASK",
            {"params": graph[node.id].params, "input": graph[node.id].input},
            node.output or {},
        )
        span["attributes"] += [
            _attribute("workbench.worker", node.worker),
            _attribute("workbench.attempt", node.attempt),
            _attribute("workbench.cached", node.cached),
        ]
        error = node.error.message if node.error else ""
        found.append(span | {"status": _span_status(node.status is NodeStatus.COMPLETED, error)})
    return found


def deliverables(job: JobRecord) -> list[Deliverable]:
    """The files a person looks for: the final video, the speech, the contact sheet, the script, and the graph.

    Found by kind and output name, so they need no knowledge of services: the final video is that of the last node that
    made one, a remux before others.
    """
    done = [node for node in job.nodes if node.status is NodeStatus.COMPLETED and node.output]
    found = [Deliverable("graph.json", data=_pretty(job), media_type="application/json")]
    final = _last(done, "video", prefer="video", services=("generate.remux",))
    speech = _last(done, "audio", prefer="audio")
    sheet = _last(done, "image", prefer="contact_sheet", only=True)
    for name, ref in (("final", final), ("speech", speech), ("contact_sheet", sheet)):
        if ref is not None:
            found.append(Deliverable(name + _suffix(ref), ref=ref, media_type=ref.media_type))
    if spoken := script(job):
        found.append(Deliverable("script.txt", data=spoken.encode(), media_type="text/plain; charset=utf-8"))
    return found


def script(job: JobRecord) -> str:
    """What is said in the video: the last ``narration`` a node put out, or ""."""
    spoken = ""
    for node in job.nodes:
        narration = (node.output or {}).get("narration")
        if node.status is NodeStatus.COMPLETED and isinstance(narration, str):
            spoken = narration
    return spoken


@cache
def code_version() -> str:
    """Version of the installed workbench."""
    try:
        return metadata.version("talking-head-workbench")
    except metadata.PackageNotFoundError:
        return "unknown"


def _last(
    nodes: list[NodeRecord], kind: str, *, prefer: str, services: tuple[str, ...] = (), only: bool = False
) -> Ref | None:
    """The reference of that kind made last: preferred services and the preferred output name win over the order."""
    best: tuple[tuple[bool, bool, int], Ref] | None = None
    for position, node in enumerate(nodes):
        for name, ref in named_refs(node.output):
            if ref.kind != kind or (only and name != prefer):
                continue
            rank = (node.service in services, name == prefer, position)
            if best is None or rank > best[0]:
                best = (rank, ref)
    return best[1] if best else None


def _span(
    trace_id: str,
    span_id: str,
    parent_id: str,
    name: str,
    start: float,
    end: float,
    kind: str,
    inputs: Any,
    outputs: Any,
) -> dict[str, Any]:
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "kind": 1,  # internal
        "startTimeUnixNano": str(int(start * 1e9)),
        "endTimeUnixNano": str(int(end * 1e9)),
        "attributes": [
            _attribute("mlflow.spanType", kind),
            _attribute("mlflow.spanInputs", inputs),
            _attribute("mlflow.spanOutputs", outputs),
        ],
    }
    return span | {"parentSpanId": parent_id} if parent_id else span


def _attribute(key: str, value: Any) -> dict[str, Any]:
    # MLflow reads every attribute of its own as JSON.
    return {"key": key, "value": {"stringValue": orjson.dumps(value).decode()}}


def _span_status(good: bool, message: str) -> dict[str, Any]:
    return {"code": 1} if good else {"code": 2, "message": message}


def _span_id(job: str, node: str) -> str:
    return hashlib.sha256(f"{job}/{node}".encode()).hexdigest()[:16]


def _outcome(job: JobRecord) -> dict[str, Any]:
    return {
        "status": job.status.value,
        **{item.name: item.ref.sha256 for item in deliverables(job) if item.ref is not None},
    }


def _pretty(job: JobRecord) -> bytes:
    return orjson.dumps(orjson.loads(job.graph.to_json()), option=orjson.OPT_INDENT_2)


def _digest_only(value: Any) -> Any:
    """A reference as one word: two runs with the same portrait show the same value."""
    refs = list(named_refs(value))
    return f"sha256:{refs[0][1].sha256}" if refs and refs[0][0] == "" else value


def text_of(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def key_of(name: str) -> str:
    return _KEY.sub("_", name)[:MAX_KEY]


def _suffix(ref: Ref) -> str:
    return _SUFFIXES.get(ref.media_type) or mimetypes.guess_extension(ref.media_type) or ".bin"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
