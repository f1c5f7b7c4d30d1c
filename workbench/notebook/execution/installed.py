"""What must be on this machine before an execution starts: packages of the extra ``notebook``, and the kernel."""

from __future__ import annotations

from importlib.util import find_spec

from schemas.errors import WorkbenchError

PACKAGES = ("papermill", "nbformat", "nbconvert", "jupyter_client", "ipykernel")


def need_packages() -> None:
    """Raises WorkbenchError (stack.missing_package) where notebooks cannot be executed. Imports none of them."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise WorkbenchError(
            "stack.missing_package",
            f"executing a notebook needs {', '.join(missing)}",
            where="workbench notebook run",
            seen="not installed",
            allowed=list(PACKAGES),
            remedy='pip install "talking-head-workbench[notebook]"',
        )


def need_kernel(name: str, where: str) -> None:
    """Raises WorkbenchError (notebook.no_kernel) where no kernel of that name is installed. Starts none.

    Args:
        where: the notebook, for the error.
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
            remedy="`--kernel NAME` runs the notebook with another; python3 is that of this environment.",
        )
