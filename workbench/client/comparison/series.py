"""The per-frame series of compared runs, and their values."""

from __future__ import annotations

from collections.abc import Sequence

from nodes._frame_series import read_series, series_facts
from schemas.comparison import ComparedSeries
from schemas.errors import WorkbenchError
from schemas.frame_series import PARQUET, FrameSeries, SeriesFacts
from schemas.refs import Ref
from workbench.client.comparison.chosen import Chosen
from workbench.client.deployment import Deployment
from workbench.client.view import artifacts

MOST_BYTES = 50_000_000


def series_of(deployment: Deployment, chosen: Sequence[Chosen]) -> list[ComparedSeries]:
    """The series that the nodes of the runs have written, each with the artifacts that hold it. Damaged ones
    are left out.

    A run with several videos has its series beside the video that the measuring node took.
    """
    found: dict[str, tuple[SeriesFacts, list[str | None]]] = {}
    for at, one in enumerate(chosen):
        for ref in _files(one):
            try:
                facts = series_facts(deployment.open(ref))
            except WorkbenchError:
                continue
            for own in facts:
                found.setdefault(own.name, (own, [None] * len(chosen)))[1][at] = ref.sha256
    return [ComparedSeries(**facts.model_dump(), of=of) for facts, of in found.values()]


def series_values(deployment: Deployment, ref: Ref) -> FrameSeries:
    """The values of a series artifact. Raises WorkbenchError: artifact.no_series, store.*."""
    if not is_series(ref) or (ref.size_bytes or 0) > MOST_BYTES:
        raise _none(ref, ref.media_type)
    try:
        return read_series(deployment.open(ref))
    except WorkbenchError as error:
        if error.code != "node.bad_input":
            raise
        raise _none(ref, str(error.seen)) from error


def is_series(ref: Ref) -> bool:
    return ref.media_type == PARQUET


def _files(one: Chosen) -> list[Ref]:
    """The series artifacts of a run, without those that were measured on another of its videos."""
    if one.record is None or one.ref is None:
        return []
    found = []
    for node, _, ref in artifacts(one.record):
        if is_series(ref):
            source = one.record.graph.node(node).input.get("video")
            other = isinstance(source, str) and source not in ("", f"${one.node}.{one.output}", f"${one.node}")
            parents = [edge.from_ for edge in one.record.graph.edges if edge.to == node]
            if not other and (not parents or one.node in parents or source is None):
                found.append(ref)
    return found


def _none(ref: Ref, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "artifact.no_series",
        "this artifact has no per-frame series",
        where=ref.sha256,
        seen=seen,
        allowed=f"a Parquet file of at most {MOST_BYTES // 1_000_000} MB in the format of docs/compare.md",
        remedy="Choose the series output of a metric node.",
    )
