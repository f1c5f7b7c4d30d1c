"""Checks for the optional packages and the kernel that parts of the notebook layer need."""

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


def need_kernel(name: str, where: str) -> None:
    """Raises WorkbenchError (notebook.no_kernel) if no kernel of that name is installed. Starts no kernel.

    Args:
        where: the notebook to name in the error.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted(KernelSpecManager().find_kernel_specs())
    if name.lower() not in known:
        raise WorkbenchError(
            "notebook.no_kernel",
            f"there is no kernel named {name} on this machine",
            where=where,
            seen=name,
            allowed=known or "none: no kernel is installed",
            remedy="`--kernel NAME` runs the notebook with another kernel; python3 is the kernel of this environment.",
        )
