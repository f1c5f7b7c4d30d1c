"""The page Runs: the history and the details of a run, drawn in the browser with the HTTP API."""

from __future__ import annotations

from workbench.app.pages.heading import heading
from workbench.app.pages.js_component import js_component


def runs_page() -> None:
    """Call it inside ``demo.route``."""
    heading("Runs")
    js_component("runs", elem_id="runs")
