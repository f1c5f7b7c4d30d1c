"""Pipelines: builders that turn a few options into a graph. ``PIPELINES`` has them by name."""

from __future__ import annotations

from workbench.workflows.capabilities import CAPABILITIES as CAPABILITIES
from workbench.workflows.draft_script import DRAFT_SCRIPT as DRAFT_SCRIPT
from workbench.workflows.infinitetalk import INFINITETALK as INFINITETALK
from workbench.workflows.pipeline import OPTION_NAMES as OPTION_NAMES
from workbench.workflows.pipeline import Options as Options
from workbench.workflows.pipeline import Pipeline as Pipeline
from workbench.workflows.pipeline import build as build
from workbench.workflows.talking_head import TALKING_HEAD as TALKING_HEAD
from workbench.workflows.transcribe import TRANSCRIBE as TRANSCRIBE

PIPELINES: dict[str, Pipeline] = {
    pipeline.name: pipeline for pipeline in (TALKING_HEAD, INFINITETALK, DRAFT_SCRIPT, TRANSCRIBE, CAPABILITIES)
}
