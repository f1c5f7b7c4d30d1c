"""A sweep in a notebook or a script: its plan, its state, its jobs and its results as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import WorkbenchError
from schemas.sweep import SweepCell, SweepInFull, SweepPlan, SweepSpec, SweepState
from workbench.client.access import LOCAL
from workbench.client.consent import EntryPoint
from workbench.client.consent_records import said_by
from workbench.client.deployment import Deployment
from workbench.client.sweeps import launch
from workbench.client.sweeps.local_files import spec_of, with_stored_files
from workbench.client.sweeps.view import sweep_in_full
from workbench.notebook.display import show_as
from workbench.notebook.job import Job
from workbench.notebook.packages import need
from workbench.notebook.sweep_html import sweep_html

if TYPE_CHECKING:
    import pandas as pd

    from workbench.notebook.widgets.sweep_table import SweepTable

LOOK_EVERY_S = 0.3
_ENDS = (SweepState.COMPLETED, SweepState.CANCELLED)


class Sweep:
    """One sweep. Its jobs run in the deployment, so the end of a kernel does not affect it.

    ``plan`` says what it runs. Before ``start`` it has no id, no state and no jobs.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        sweep: str | None = None,
        spec: SweepSpec | None = None,
        base: Path | None = None,
    ) -> None:
        self._deployment = deployment
        self._base = base or Path.cwd()
        self._spec = spec
        self._plan: SweepPlan | None = None
        self.id = sweep

    def start(self, consent: str | None = None) -> Sweep:
        """Start a sweep that was only planned. Returns it."""
        if self.id is None:
            assert self._spec is not None
            said = said_by(consent)
            spec = self._stored(self._spec, consent)
            self.id = launch.launch(self._deployment, LOCAL, spec, said, entry=EntryPoint.PYTHON)
        return self

    # -- its state --------------------------------------------------------------------------------------------------

    @property
    def plan(self) -> SweepPlan:
        """What it runs: cells, distinct nodes, those that exist already, expected seconds."""
        if self.id is not None:
            return self.full.plan
        if self._plan is None:
            assert self._spec is not None
            self._spec = self._stored(self._spec, None)
            self._plan = launch.plan(self._deployment, LOCAL, self._spec)
        return self._plan

    @property
    def full(self) -> SweepInFull:
        """Everything about it now, with all its cells."""
        return sweep_in_full(self._deployment, LOCAL, self._started())

    @property
    def state(self) -> SweepState:
        """running, paused, completed or cancelled."""
        return launch.visible_sweep(self._deployment, LOCAL, self._started()).state

    @property
    def spec(self) -> SweepSpec:
        """What it varies, and what stays the same."""
        if self.id is None and self._spec is not None:
            return self._spec
        return self.full.spec

    @property
    def cells(self) -> list[SweepCell]:
        """Its cells that the spec has."""
        return [cell for cell in self.full.table if not cell.removed]

    @property
    def jobs(self) -> list[Job]:
        """The jobs of its cells so far, in the order of the cells."""
        return [Job(self._deployment, cell.job) for cell in self.cells if cell.job and cell.status is not None]

    def table(self) -> pd.DataFrame:
        """A row per cell: its choices by axis, status, cached, job, and its metrics as ``metrics.node.name``.

        Raises WorkbenchError (stack.missing_package).
        """
        need("a frame", ["pandas"])
        import pandas as pd

        full = self.full
        rows = []
        for cell in full.table:
            if cell.removed:
                continue
            chosen = {
                axis.name: None if at is None else axis.labels[at] for axis, at in zip(full.axes, cell.at, strict=True)
            }
            status = cell.status.value if cell.status else "refused" if cell.error else "planned"
            metrics = {f"metrics.{name}": value for name, value in sorted(cell.metrics.items())}
            rows.append({**chosen, "status": status, "cached": cell.cached, "job": cell.job, **metrics})
        return pd.DataFrame(rows)

    # -- changing it ------------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> Sweep:
        """Block until all its jobs have ended, with any outcome. Returns the sweep.

        Raises TimeoutError after ``timeout_s``; the sweep continues. A paused sweep does not end.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self.state not in _ENDS:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"sweep {self.id} is {self.state} after {timeout_s:g} s")
            time.sleep(LOOK_EVERY_S)
        return self

    def pause(self) -> Sweep:
        """Submit no more cells for now. Jobs that were submitted go on."""
        launch.pause(self._deployment, LOCAL, self._started())
        return self

    def resume(self) -> Sweep:
        """Submit what is left, and failed and cancelled cells anew."""
        launch.resume(self._deployment, LOCAL, self._started())
        return self

    def cancel(self) -> Sweep:
        """Cancel it and its unfinished jobs. It can be resumed."""
        launch.cancel(self._deployment, LOCAL, self._started())
        return self

    def extend(
        self,
        spec: SweepSpec | Mapping[str, Any] | None = None,
        *,
        axes: Mapping[str, Any] | Sequence[Any] | None = None,
        consent: str | None = None,
        **fields: Any,
    ) -> Sweep:
        """Give it a new spec, or change fields of its spec. Cells that compute the same keep their jobs.

        Args:
            axes: all axes that it shall have; others are changed by a new spec.
            fields: other fields of the spec: constraints, samples, at_once …
        """
        if spec is None:
            changed = {**self.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True), **fields}
            if axes is not None:
                changed["axes"] = axes_of(axes)
            spec = spec_of(changed)
        elif not isinstance(spec, SweepSpec):
            spec = spec_of(dict(spec))
        stored = self._stored(spec, consent)
        launch.extend(self._deployment, LOCAL, self._started(), stored, said_by(consent), entry=EntryPoint.PYTHON)
        return self

    def delete(self) -> None:
        """Delete it, if its jobs were deleted. Raises WorkbenchError (sweep.not_final)."""
        launch.delete(self._deployment, LOCAL, self._started())

    def _stored(self, spec: SweepSpec, consent: str | None) -> SweepSpec:
        said = said_by(consent)
        return with_stored_files(self._deployment, spec, self._base, said, owner=LOCAL.name, entry=EntryPoint.PYTHON)

    def _started(self) -> str:
        if self.id is None:
            raise WorkbenchError(
                "sweep.unknown",
                "the sweep is planned, and not started",
                where="sweep",
                remedy="sweep.start() starts it; sweep.plan says what it runs.",
            )
        return self.id

    def wall(self) -> SweepTable:
        """Its cells as a wall of thumbnails, live while it runs. Showing the sweep in a cell shows it too."""
        from workbench.notebook.widgets.sweep_table import SweepTable  # needs optional packages

        return SweepTable(self._deployment, self._started())

    def _ipython_display_(self) -> None:
        if self.id is None:
            raise NotImplementedError  # only planned: its text says so
        show_as(self.wall)

    def _repr_html_(self) -> str | None:
        return None if self.id is None else sweep_html(self._deployment, self.full)

    def __repr__(self) -> str:
        if self.id is None:
            plan = self.plan
            return f"a planned sweep: {plan.cells} cells, {plan.distinct} distinct of {plan.nodes} nodes"
        full = self.full
        counted = ", ".join(f"{count} {status}" for status, count in sorted(full.by_status.items()))
        return f"sweep {full.name} ({full.id}): {full.state}, {counted} of {full.cells} cells"


def axes_of(given: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """Axes of a spec. In a mapping, what varies has its values: ``{"seed": 3, "animate.sway": [0.2, 0.8]}``."""
    if not isinstance(given, Mapping):
        return list(given)
    axes: list[Any] = []
    for name, value in given.items():
        if name == "seed" and isinstance(value, int | list | range):
            axes.append({"seeds": value if isinstance(value, int) else list(value)})
        elif isinstance(value, Mapping) and {"from", "to"} <= value.keys():
            axes.append({"param": name, "range": dict(value)})
        elif isinstance(value, str) and value.endswith((".csv", ".jsonl", ".yaml", ".yml")):
            axes.append({"name": name, "manifest": value})
        elif isinstance(value, list | tuple | range):
            choices = bool(value) and all(isinstance(one, Mapping) for one in value)
            axes.append({"name": name, "choices": list(value)} if choices else {"param": name, "values": list(value)})
        else:
            axes.append({"param": name, "values": [value]})
    return axes
