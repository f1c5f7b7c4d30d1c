"""The page System: parts, workers, queues, dead letters, storage."""

from __future__ import annotations

from workbench.app.pages.heading import heading
from workbench.app.pages.js_component import js_component


def system_page() -> None:
    """Call it inside ``demo.route``."""
    heading("System")
    js_component("system", elem_id="system")
