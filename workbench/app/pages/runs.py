"""The page Runs: the history, and a run in full. All of it lives in the browser and the HTTP API."""

from __future__ import annotations

from workbench.app.pages.island import island
from workbench.app.pages.shell import heading


def runs_page() -> None:
    """To be called inside ``demo.route``."""
    heading("Runs")
    island("runs", elem_id="runs")
