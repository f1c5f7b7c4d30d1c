"""Finds the declared pipelines: the files beside this one, entry points of the group, modules named in a setting."""

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
FIRST = "talking_head"  # what a front end offers where nothing is chosen


def pipelines() -> Mapping[str, Pipeline]:
    """Every installed pipeline by name, ``FIRST`` before the others. Imports their files on the first call.

    Raises WorkbenchError (pipeline.bad_declaration) naming the file and field that is wrong.
    """
    return _found(PIPELINES.modules())


@cache
def _found(more: tuple[str, ...]) -> Mapping[str, Pipeline]:
    import_all(PIPELINES, [*files_of("workbench.pipelines"), *more])
    return MappingProxyType(dict(sorted(DECLARED.items(), key=lambda item: item[0] != FIRST)))


def listed() -> list[Pipeline]:
    """Those that a page offers."""
    return [one for one in pipelines().values() if one.listed]


def internal() -> list[str]:
    """Names of those whose jobs are the workbench's own questions."""
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
    """(node, output) that such a job is made for; None where the pipeline says nothing, or is not known here."""
    one = pipelines().get(name)
    return one.result if one else None
