"""Checks for the optional packages that parts of the notebook layer need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from schemas.errors import WorkbenchError
from schemas.installing import install_extra

WIDGETS = ("anywidget", "ipywidgets")
EXECUTION = ("papermill", "nbformat", "nbconvert", "jupyter_client", "ipykernel")


def missing(packages: Iterable[str]) -> list[str]:
    """The packages that are not installed."""
    return [name for name in packages if find_spec(name) is None]


def need(what: str, packages: Iterable[str]) -> None:
    """Raise WorkbenchError (stack.missing_package) if any of them is not installed."""
    packages = tuple(packages)
    if not (absent := missing(packages)):
        return
    raise WorkbenchError(
        "stack.missing_package",
        f"{what} needs {', '.join(absent)}, but {'it is' if len(absent) == 1 else 'they are'} not installed",
        where=what,
        seen="not installed",
        allowed=list(packages),
        remedy=f"{install_extra('notebook')}, and restart the kernel.",
    )
