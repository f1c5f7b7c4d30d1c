"""A sweep in an output: its wall of cells, and the form that starts one."""

from __future__ import annotations

import html
import threading
import time
from typing import Any

import traitlets

from schemas.errors import WorkbenchError
from schemas.sweep import SweepInFull, SweepState
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.client.sweeps.view import sweep_in_full
from workbench.notebook.channel import Wanted
from workbench.notebook.sweep_html import sweep_html, sweep_text
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

THUMBNAIL_PX = 320  # as the wall asks for
SAVED_IMAGES = 60  # cells whose images a notebook keeps; the others are drawn without one
LOOK_EVERY_S = 2.0
_ENDS = (SweepState.COMPLETED, SweepState.CANCELLED)


class SweepTable(View):
    """The wall of a sweep, live while it runs. The notebook keeps its last state.

    Attributes:
        sweep_id: of the sweep.
        shown: what the reader chose: rows, columns, filters, metric, selected cells.
    """

    shown = traitlets.Dict().tag(sync=True)

    def __init__(self, deployment: Deployment, sweep_id: str) -> None:
        super().__init__(deployment, "sweep", {"sweep": sweep_id})
        self.sweep_id = sweep_id
        if self.refresh() not in _ENDS:
            threading.Thread(target=self._follow, daemon=True).start()

    def refresh(self) -> SweepState:
        """Write the current state into the notebook; return it. Blocks."""
        full = sweep_in_full(self._deployment, LOCAL, self.sweep_id)
        self.answers = channel_of(self._deployment).saved_answers(_wanted(full))
        return full.state

    def static_html(self) -> str:
        return sweep_html(self._deployment, sweep_in_full(self._deployment, LOCAL, self.sweep_id))

    def static_text(self) -> str:
        return sweep_text(sweep_in_full(self._deployment, LOCAL, self.sweep_id))

    def _follow(self) -> None:
        """Save the last state when the sweep has ended. Until then, browsers ask for themselves."""
        while True:
            time.sleep(LOOK_EVERY_S)
            try:
                if sweep_in_full(self._deployment, LOCAL, self.sweep_id).state in _ENDS:
                    self.refresh()
                    return
            except WorkbenchError as error:
                if error.code == "sweep.unknown":  # deleted
                    return


class SweepForm(View):
    """A form that plans and starts a sweep, with its wall below.

    Attributes:
        spec: what it varies, as `wb.sweep` takes it; changes with the form.
        sweep_id: of the sweep that it started; empty before.
    """

    spec = traitlets.Dict().tag(sync=True)
    sweep_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, deployment: Deployment, spec: dict[str, Any]) -> None:
        super().__init__(deployment, "sweepForm", {}, spec=spec)
        wanted: list[Wanted] = [("ask", "GET /api/pipelines", {})]
        self.answers = channel_of(deployment).saved_answers(wanted)

    def static_html(self) -> str:
        import yaml

        return f"<h3>Sweep</h3><pre>{html.escape(yaml.safe_dump(dict(self.spec), sort_keys=False))}</pre>"

    def static_text(self) -> str:
        return f"<SweepForm {self.spec.get('pipeline', '')}{f' {self.sweep_id}' if self.sweep_id else ''}>"


def _wanted(full: SweepInFull) -> list[Wanted]:
    """The requests for a notebook without a kernel: the sweep, the meanings of its metrics, images and videos."""
    wanted: list[Wanted] = [("ask", "GET /api/session", {}), ("ask", "GET /api/sweeps/{sweep}", {"sweep": full.id})]
    done = [cell for cell in full.table if cell.picture]
    explained = next((cell.job for cell in full.table if cell.metrics and cell.status == "completed"), None)
    if explained:
        wanted.append(("ask", "GET /api/jobs/{job_id}", {"job_id": explained}))
    for cell in done[:SAVED_IMAGES]:
        path = "GET /api/artifacts/{sha256}"
        wanted.append(("media", f"{path}/thumbnail", {"sha256": cell.picture, "size": THUMBNAIL_PX}))
        if cell.video:
            wanted.append(("media", path, {"sha256": cell.video}))
    return wanted
