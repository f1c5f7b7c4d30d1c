"""The workbench: bus, stores, engine, the two planes and the front ends.

In a notebook or a script::

    from workbench import connect

    wb = connect()
    job = wb.run("talking_head", portrait="sample", script="Hello.")
    job.video
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.shadowing import check_packages

if TYPE_CHECKING:
    from workbench.notebook.connect import connect as connect
    from workbench.notebook.metrics import record as record
    from workbench.notebook.request import RunRequest as RunRequest

check_packages()

__all__ = ["RunRequest", "connect", "record"]

_MODULES = {
    "connect": "workbench.notebook.connect",
    "record": "workbench.notebook.metrics",
    "RunRequest": "workbench.notebook.request",
}


def __getattr__(name: str) -> object:
    # Every process of the deployment imports this package, so modules for users are imported on first access.
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
