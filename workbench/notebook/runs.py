"""A list of jobs that is queried when it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from schemas.api import ApiStatus
from schemas.errors import WorkbenchError
from workbench.client.deployment import Deployment
from workbench.notebook.display import show_as
from workbench.notebook.job import Job
from workbench.notebook.run_rows import frame_of, runs_html, runs_text
from workbench.store.job_metrics import MetricCondition
from workbench.store.job_params import ParamCondition
from workbench.store.listing import JobFilter, JobLine
from workbench.store.run_column import RunColumn, RunOrder

if TYPE_CHECKING:
    import pandas as pd

    from workbench.notebook.widgets.run_table import RunTable

PAGE = 1000


class Runs(Sequence[Job]):
    """Matching jobs in order. Each use queries the deployment once; ``list(runs)`` keeps the result."""

    def __init__(self, deployment: Deployment, wanted: JobFilter, limit: int | None) -> None:
        self._deployment = deployment
        self.wanted = wanted
        self.limit = limit

    def lines(self) -> list[JobLine]:
        """The list entry of each job, without its graph."""
        found: list[JobLine] = []
        while self.limit is None or len(found) < self.limit:
            count = PAGE if self.limit is None else min(PAGE, self.limit - len(found))
            page = self._deployment.store.list(self.wanted.model_copy(update={"limit": count, "offset": len(found)}))
            found += page.jobs
            if len(page.jobs) < count:
                break
        return found

    def to_pandas(self) -> pd.DataFrame:
        """A row per job, indexed by the id: status, pipeline, experiment, created (UTC), compute_seconds,
        waiting_seconds, first_frame_seconds, title, starred, rating, tags, and then its parameters as
        ``params.node.name`` and its metrics as ``metrics.node.name``: all, or those chosen as ``columns``."""
        return frame_of(self._deployment, self.lines(), self.wanted.columns)

    def table(self, columns: Iterable[str] = ()) -> RunTable:
        """A widget for sorting, filtering and selecting: ``table.selected``, ``table.selected_frame()``.

        Args:
            columns: ``params.node.name`` and ``metrics.node.name``; default: those in which the runs differ.
        """
        from workbench.notebook.widgets.run_table import RunTable  # needs optional packages

        return RunTable(self._deployment, self.lines, columns)

    def _ipython_display_(self) -> None:
        show_as(Runs(self._deployment, self.wanted, min(self.limit or PAGE, PAGE)).table)

    def __len__(self) -> int:
        total = self._deployment.store.list(self.wanted.model_copy(update={"limit": 1})).total
        return total if self.limit is None else min(total, self.limit)

    def __iter__(self) -> Iterator[Job]:
        return (Job(self._deployment, line.id) for line in self.lines())

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [Job(self._deployment, line.id) for line in self.lines()[at]]
        return Job(self._deployment, self.lines()[at].id)

    def __repr__(self) -> str:
        return runs_text(self.lines())

    def _repr_html_(self) -> str:
        return runs_html(self.lines())


def wanted(
    experiment: str | None,
    pipeline: str | None,
    status: str | Iterable[str] | None,
    parameter: str | Iterable[str],
    metric: str | Iterable[str],
    text: str | None,
    sweep: str | None,
    *,
    starred: bool | None = None,
    rating: int | None = None,
    tag: str | None = None,
    sort: str = "-created",
    columns: Iterable[str] = (),
) -> JobFilter:
    """The filter for the arguments of ``wb.runs``. Raises WorkbenchError (request.invalid)."""
    states = [status] if isinstance(status, str) else list(status or ())
    unknown = [state for state in states if state not in set(ApiStatus)]
    if unknown:
        raise WorkbenchError(
            "request.invalid",
            f"there is no status {unknown[0]}",
            where="status",
            seen=unknown,
            allowed=[state.value for state in ApiStatus],
            remedy="Use one or more of these.",
        )
    return JobFilter(
        experiment=experiment,
        pipeline=pipeline,
        shown_as=[ApiStatus(state) for state in states] or None,
        params=[ParamCondition.parse(condition) for condition in _each(parameter)],
        metrics=[MetricCondition.parse(condition) for condition in _each(metric)],
        text=text,
        sweep=sweep,
        starred=starred,
        rating=rating,
        tag=tag,
        order=RunOrder.parse(_dotted(sort)),
        columns=[RunColumn.parse(_dotted(name), "columns") for name in dict.fromkeys(_each(columns))],
    )


def _each(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _dotted(name: str) -> str:
    """``metrics.evaluate.wer``, the name in a frame, as ``metric:evaluate.wer``; others unchanged."""
    sign = "-" if name.startswith("-") else ""
    for begin, kind in (("params.", "param:"), ("metrics.", "metric:")):
        if name.removeprefix("-").startswith(begin):
            return sign + kind + name.removeprefix("-").removeprefix(begin)
    return name
