"""A sweep in an output: its wall of cells, and the form that starts one."""

from __future__ import annotations

import base64
import html
import threading
import time
from typing import Any

import traitlets

from schemas.errors import WorkbenchError
from schemas.sweep import SweepCell, SweepInFull, SweepState
from workbench.client.access import LOCAL, readable
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import thumbnail
from workbench.client.sweeps.view import sweep_in_full
from workbench.notebook.channel import Wanted
from workbench.notebook.tables import html_table
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

THUMBNAIL_PX = 320  # as the wall asks for
SAVED_IMAGES = 60  # cells whose images a notebook keeps; the others are drawn without one
STATIC_PX, STATIC_IMAGES = 160, 24
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


def sweep_text(full: SweepInFull) -> str:
    """A sweep as one line of text."""
    done = full.by_status.get("completed", 0)
    return f"<Sweep {full.name} {full.state.value}: {done} of {full.cells} cells completed {full.id}>"


def sweep_html(deployment: Deployment, full: SweepInFull) -> str:
    """The cells of a sweep as a table, with images, without kernel and scripts. Blocks."""
    head = f"<p><strong>{html.escape(full.name)}</strong> {full.state.value} <code>{html.escape(full.id)}</code></p>"
    cells = [cell for cell in full.table if not cell.removed]
    images = [_figure(deployment, full, cell) for cell in cells if cell.picture][:STATIC_IMAGES]
    wall = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(images)}</div>' if images else ""
    return head + wall + html_table([_row(full, cell) for cell in cells])


def _row(full: SweepInFull, cell: SweepCell) -> dict[str, Any]:
    state = cell.status.value if cell.status else "refused" if cell.error else "planned"
    metrics = {name: f"{value:.4g}" for name, value in sorted(cell.metrics.items())}
    return {**_choices(full, cell), "status": f"{state}, from cache" if cell.cached else state, **metrics}


def _choices(full: SweepInFull, cell: SweepCell) -> dict[str, str]:
    return {axis.name: "" if at is None else axis.labels[at] for axis, at in zip(full.axes, cell.at, strict=True)}


def _figure(deployment: Deployment, full: SweepInFull, cell: SweepCell) -> str:
    assert cell.picture is not None
    try:
        data = thumbnail(deployment, readable(deployment, LOCAL, cell.picture), STATIC_PX).read_bytes()
    except WorkbenchError:  # deleted; the table has the cell
        return ""
    words = html.escape(", ".join(f"{name} {label}" for name, label in _choices(full, cell).items()))
    source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure style="margin:0;width:{STATIC_PX}px"><img src="{source}" alt="{words}" style="max-width:100%">'
        f'<figcaption style="opacity:.7">{words}</figcaption></figure>'
    )


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
