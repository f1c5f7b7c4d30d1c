"""Finds the declared pipelines: in the files beside this one, in entry points, and in modules that a setting names."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from nodes.finding import Kind, files_of, import_all
from schemas.errors import WorkbenchError
from workbench.pipelines.sdk.declaration import DECLARED, Pipeline

PIPELINES = Kind(
    "pipeline",
    "workbench.pipelines",
    "WORKBENCH_PIPELINE_MODULES",
    "pipeline.bad_declaration",
    "Heavy or optional imports belong inside a node.",
)
FIRST = "talking_head"  # the default of the front ends


def pipelines() -> Mapping[str, Pipeline]:
    """All installed pipelines by name, ``FIRST`` before the others. Imports their files on the first call.

    Raises WorkbenchError (pipeline.bad_declaration) with the invalid file and field.
    """
    return _found(PIPELINES.modules())


@cache
def _found(more: tuple[str, ...]) -> Mapping[str, Pipeline]:
    import_all(PIPELINES, [*files_of("workbench.pipelines"), *more])
    return MappingProxyType(dict(sorted(DECLARED.items(), key=lambda item: item[0] != FIRST)))


def listed() -> list[Pipeline]:
    """The pipelines that a page lists."""
    return [one for one in pipelines().values() if one.listed]


def internal() -> list[str]:
    """Names of the pipelines that the workbench itself uses."""
    return [one.name for one in pipelines().values() if one.internal]


def find_pipeline(name: str) -> Pipeline:
    """Raises WorkbenchError (pipeline.unknown)."""
    found = pipelines()
    if name not in found:
        raise WorkbenchError(
            "pipeline.unknown",
            f"there is no pipeline {name}",
            seen=name,
            allowed=get_close_matches(name, found, n=3) or sorted(found),
            remedy="`workbench pipelines` lists them.",
        )
    return found[name]


def pipeline_result(name: str) -> tuple[str, str] | None:
    """The main result of the pipeline's jobs, as (node, output); None if it declares none or is not installed here."""
    one = pipelines().get(name)
    return one.result if one else None
