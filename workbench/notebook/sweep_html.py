"""A sweep as HTML and as text without kernel and scripts, for exported notebooks."""

from __future__ import annotations

import base64
import html
from typing import Any

from schemas.errors import WorkbenchError
from schemas.sweep import SweepCell, SweepInFull
from workbench.client.access import LOCAL, readable
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import thumbnail
from workbench.notebook.tables import html_table

STATIC_PX, STATIC_IMAGES = 160, 24


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
