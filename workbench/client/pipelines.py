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
