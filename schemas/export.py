"""Writes the contract as JSON Schema, from which clients in other languages can be generated."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from schemas.approval import Decision, Question
from schemas.capability import Capabilities, WorkerManifest
from schemas.errors import ErrorInfo
from schemas.event import Event, NodeFailure, NodeResult, NodeStart, NodeWait, Progress
from schemas.graph import Graph
from schemas.job import JobRecord, JobView
from schemas.pipeline import PipelineView
from schemas.queue import QueueView
from schemas.refs import REF_TYPES
from schemas.retention import CollectionReport, ErasureReport, StorageAnswer
from schemas.segment import SegmentSpec
from schemas.series import NodeSeries
from schemas.stack import StackStatus

EXPORTED: tuple[type[BaseModel], ...] = (
    Graph,
    SegmentSpec,
    Event,
    NodeStart,
    NodeResult,
    NodeFailure,
    NodeSeries,
    NodeWait,
    Progress,
    Question,
    Decision,
    JobView,
    JobRecord,
    WorkerManifest,
    Capabilities,
    QueueView,
    PipelineView,
    ErrorInfo,
    StackStatus,
    StorageAnswer,
    CollectionReport,
    ErasureReport,
    *REF_TYPES.values(),
)


def render(model: type[BaseModel]) -> str:
    """The text of the model's JSON Schema file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def file_name(model: type[BaseModel]) -> str:
    return f"{model.__name__}.json"


def export_schemas(folder: Path) -> list[Path]:
    """Write all schemas, and remove the files of models that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {file_name(model): render(model) for model in EXPORTED}
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)
    return [folder / name for name in sorted(wanted)]


def stale_schemas(folder: Path) -> list[str]:
    """Names of files that are missing, differ from their model, or have no model."""
    wanted = {file_name(model): render(model) for model in EXPORTED}
    present = {path.name: path.read_text() for path in folder.glob("*.json")} if folder.exists() else {}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
