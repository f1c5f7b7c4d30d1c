"""A pipeline's graph with stand-ins for what a person gives: what a form or an estimate looks at. It never runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from schemas.graph import Graph
from schemas.refs import AudioRef, ImageRef
from workbench.workflows import OPTION_NAMES, Options, Pipeline, build

_DIGEST = "0" * 64
_STAND_INS: dict[str, Any] = {
    "portrait": ImageRef(sha256=_DIGEST, width=256, height=256),  # small enough to be upscaled, where one is
    "prompt": "-",
    "script": "-",
    "audio": AudioRef(sha256=_DIGEST, duration_s=10.0, sample_rate_hz=16_000, channels=1),
    "voice": AudioRef(sha256=_DIGEST, duration_s=5.0, sample_rate_hz=24_000, channels=1),
    "ref_text": "-",
    "approve": True,
}


def stand_ins(pipeline: Pipeline, given: Collection[str] = ()) -> dict[str, Any]:
    """Values for what the pipeline needs and is not among ``given``, and for the first of those of which one is."""
    first = [name for name in OPTION_NAMES if name in pipeline.one_of][:1]
    lacking = [*(pipeline.needs - set(given)), *(first if pipeline.one_of.isdisjoint(given) else ())]
    return {name: _STAND_INS[name] for name in lacking}


def specimen(pipeline: Pipeline, leave_out: Collection[str] = ()) -> Graph:
    """The graph with what the pipeline needs, and the first of those options of which one is given.

    Raises WorkbenchError (pipeline.bad_option) for a node that cannot be left out.
    """
    return build(pipeline, Options(**stand_ins(pipeline), leave_out=frozenset(leave_out)))
