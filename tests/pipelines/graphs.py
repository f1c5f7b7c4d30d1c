"""Graphs of pipelines, made from inputs and settings alike."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from schemas.graph import Graph
from schemas.refs import AudioRef, ImageRef
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build

DIGEST = "ab" * 32
AUDIO = AudioRef(sha256="cd" * 32)
_SETTINGS = {field.name for field in fields(Settings)}


def portrait(side: int = 512) -> ImageRef:
    return ImageRef(sha256=DIGEST, width=side, height=side + 100)


def graph_of(pipeline: str, **given: Any) -> Graph:
    """The graph of a pipeline; ``seed``, ``params``, ``leave_out`` and ``fresh`` are settings, the others inputs."""
    settings = Settings(**{name: value for name, value in given.items() if name in _SETTINGS})
    inputs = {name: value for name, value in given.items() if name not in _SETTINGS}
    return build(find_pipeline(pipeline), inputs, settings)


def ids(built: Graph) -> list[str]:
    return [node.id for node in built.nodes]


def arrows(built: Graph) -> set[tuple[str, str]]:
    return {(edge.from_, edge.to) for edge in built.edges}
