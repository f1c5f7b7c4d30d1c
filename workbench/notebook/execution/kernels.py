"""Checks that the kernel of an execution is installed before anything starts."""

from __future__ import annotations

from schemas.errors import WorkbenchError


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
