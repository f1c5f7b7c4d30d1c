"""Finding a pipeline by name."""

from __future__ import annotations

from difflib import get_close_matches

from schemas.errors import WorkbenchError
from workbench.workflows import PIPELINES, Pipeline


def find_pipeline(name: str) -> Pipeline:
    """Raises WorkbenchError (pipeline.unknown)."""
    if name not in PIPELINES:
        raise WorkbenchError(
            "pipeline.unknown",
            f"there is no pipeline {name}",
            seen=name,
            allowed=get_close_matches(name, PIPELINES, n=3) or sorted(PIPELINES),
            remedy="`workbench pipelines` lists them.",
        )
    return PIPELINES[name]


def pipeline_result(name: str) -> tuple[str, str] | None:
    """(node, output) that is the video of such a job; None where the pipeline says nothing, or is not known here."""
    return PIPELINES[name].result if name in PIPELINES else None
