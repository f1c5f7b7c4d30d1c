"""The kernel that an execution needs must be on this machine before anything starts."""

from __future__ import annotations

from schemas.errors import WorkbenchError


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
