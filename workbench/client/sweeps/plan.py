"""Plans a sweep: the graph of every cell, checked before anything is queued, and what of it is to be computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_snake

from schemas.api import EstimateAnswer, JobRequest
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import Ref, refs_in
from schemas.sweep import SweepAxis, SweepPlan, SweepSpec
from workbench.client.deployment import Deployment
from workbench.client.files import file_given
from workbench.client.forecast import forecast_graph
from workbench.client.submit import requested_graph
from workbench.client.sweeps.cells import Cell, Expanded, expand
from workbench.client.sweeps.problems import in_cell
from workbench.client.sweeps.recipes import Checker, Recipes, cell_hash
from workbench.pipelines.registry import find_pipeline

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORECASTS = 8  # cells from which the expected seconds of a service are taken


@dataclass(frozen=True)
class PlannedCell:
    """A cell with its graph."""

    cell: Cell
    graph: Graph  # as requested
    hash: str
    complete: bool  # whether all its results exist


@dataclass(frozen=True)
class Planned:
    """A sweep before its launch."""

    plan: SweepPlan
    cells: list[PlannedCell]

    @property
    def files(self) -> set[str]:
        """Digests of the files that its cells use."""
        return {
            ref.sha256 for one in self.cells for node in one.graph.nodes for ref in refs_in([node.params, node.input])
        }


def plan_sweep(deployment: Deployment, spec: SweepSpec, *, reader: str | None) -> Planned:
    """Plan a sweep. Nothing is queued.

    Args:
        reader: the owner whose uploads and artifacts may be used; None for all owners.

    Raises WorkbenchError: sweep.*, and those of ``requested_graph`` and of validation, with the cell.
    """
    find_pipeline(spec.pipeline)
    expanded = expand(spec)
    checker, recipes, given = Checker(deployment), Recipes(), _Files(deployment, reader)
    found: list[tuple[Cell, Graph, str, list[str]]] = []
    for number, cell in enumerate(expanded.cells):
        try:
            graph = _graph(deployment, cell, given, reader)
            checked = checker.check(graph)
        except WorkbenchError as error:
            raise in_cell(error, f"{number + 1} ({cell.label})") from None
        found.append((cell, graph, cell_hash(checked), recipes.add(checked, number)))
    recipes.look_up(deployment)
    cells = [PlannedCell(cell, graph, digest, recipes.cached(keys)) for cell, graph, digest, keys in found]
    return Planned(_summary(deployment, expanded, cells, recipes), cells)


def _graph(deployment: Deployment, cell: Cell, given: _Files, reader: str | None) -> Graph:
    options = {**given.with_refs(cell.pipeline, cell.options)}
    if cell.leave_out:
        options["leave_out"] = list(cell.leave_out)
    asked = JobRequest(pipeline=cell.pipeline, options=options, params=cell.params)
    return requested_graph(deployment, asked, reader)[0]


class _Files:
    """Finds each file of a sweep once."""

    def __init__(self, deployment: Deployment, reader: str | None) -> None:
        self._deployment, self._reader = deployment, reader
        self._found: dict[tuple[str, str], Ref] = {}

    def with_refs(self, pipeline: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with references instead of digests, paths and names of LoRAs."""
        inputs = find_pipeline(pipeline).inputs
        return {
            name: self._ref(inputs.get(to_snake(name)) or inputs.get(name), value) for name, value in options.items()
        }

    def _ref(self, wanted: Any, value: Any) -> Any:
        if wanted is None or not wanted.kind.is_file or not isinstance(value, str | Path) or not str(value):
            return value
        if isinstance(value, str) and not _DIGEST.fullmatch(value) and wanted.upload_kind != "lora":
            return value  # the options refuse it
        key = wanted.upload_kind, str(value)
        if key not in self._found:
            self._found[key] = file_given(self._deployment, value, wanted, reader=self._reader)[0]
        return self._found[key]


def _summary(deployment: Deployment, expanded: Expanded, cells: list[PlannedCell], recipes: Recipes) -> SweepPlan:
    left = [one for one in cells if not one.complete]
    estimate, seconds = _expected(deployment, left, recipes)
    return SweepPlan(
        axes=_labelled(deployment, expanded.axes),
        cells=len(cells),
        excluded=expanded.excluded,
        nodes=recipes.count,
        distinct=len(recipes.by_key),
        cached=sum(recipe.result is not None for recipe in recipes.by_key.values()),
        complete=len(cells) - len(left),
        estimate=estimate,
        seconds=seconds,
    )


def _expected(
    deployment: Deployment, left: list[PlannedCell], recipes: Recipes
) -> tuple[EstimateAnswer | None, float | None]:
    """The forecast of one cell that runs, and the expected seconds of all distinct nodes that run."""
    if not left:
        return None, 0.0
    forecasts = [forecast_graph(deployment, one.graph) for one in left[:: max(1, len(left) // _FORECASTS)][:_FORECASTS]]
    if all(one.seconds is None for one in forecasts):
        return forecasts[0], None
    seen: dict[str, list[float]] = {}
    for one, forecast in zip(left[:: max(1, len(left) // _FORECASTS)], forecasts, strict=False):
        for node in one.graph.nodes:
            if node.id in forecast.per_node:
                seen.setdefault(node.service, []).append(forecast.per_node[node.id])
    typical = {service: sum(values) / len(values) for service, values in seen.items()}
    runs = [recipe for recipe in recipes.by_key.values() if recipe.result is None]
    return forecasts[0], round(sum(typical.get(recipe.node.service, 0.0) for recipe in runs), 1)


def _labelled(deployment: Deployment, axes: list[SweepAxis]) -> list[SweepAxis]:
    """The axes with the names of files instead of their digests."""

    def name_of(label: str) -> str:
        if not _DIGEST.fullmatch(label):
            return label
        ref = deployment.store.artifact(label) or deployment.grants.any_upload(label)
        return (ref.name if ref else "") or label[:12]

    return [SweepAxis(name=axis.name, labels=[name_of(label) for label in axis.labels]) for axis in axes]
