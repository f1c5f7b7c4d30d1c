"""Pipelines: builders that turn a few options into a graph. ``PIPELINES`` has them by name."""

from __future__ import annotations

from workbench.workflows.capabilities import CAPABILITIES as CAPABILITIES
from workbench.workflows.pipeline import Options as Options
from workbench.workflows.pipeline import Pipeline as Pipeline
from workbench.workflows.pipeline import build as build
from workbench.workflows.talking_head import TALKING_HEAD as TALKING_HEAD

PIPELINES: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in (TALKING_HEAD, CAPABILITIES)}
