"""A pipeline's graph without a portrait or a text: what a form, a preset or an estimate looks at. It never runs."""

from __future__ import annotations

from collections.abc import Collection

from schemas.graph import Graph
from schemas.refs import ImageRef
from workbench.workflows import Options, Pipeline, build

_DIGEST = "0" * 64
# Small enough to be upscaled: the specimen has every node a pipeline may have.
_PORTRAIT = ImageRef(sha256=_DIGEST, width=256, height=256)


def specimen(pipeline: Pipeline, leave_out: Collection[str] = ()) -> Graph:
    """Raises WorkbenchError (pipeline.bad_option) for a node that cannot be left out."""
    takes = pipeline.takes
    return build(
        pipeline,
        Options(
            portrait=_PORTRAIT if "portrait" in takes else None,
            prompt="-" if "prompt" in takes else "",
            leave_out=frozenset(leave_out),
        ),
    )
