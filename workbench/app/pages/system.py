"""The page System: parts, workers, queues, dead letters, storage."""

from __future__ import annotations

from workbench.app.pages.island import island
from workbench.app.pages.shell import heading


def system_page() -> None:
    """To be called inside ``demo.route``."""
    heading("System")
    island("system", elem_id="system")
