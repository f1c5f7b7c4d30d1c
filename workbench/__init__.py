"""The workbench: bus, stores, engine, the two planes and the faces on them.

In a notebook or a script::

    from workbench import connect

    wb = connect()
    job = wb.run("talking_head", portrait="sample", script="Hello.")
    job.video
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.notebook.connect import connect as connect

__all__ = ["connect"]


def __getattr__(name: str) -> object:
    # Every process of the bench imports this package: what only people need is imported when they ask for it.
    if name == "connect":
        from workbench.notebook.connect import connect

        return connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
