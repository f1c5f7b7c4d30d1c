"""Lets a control plane or worker know its supervisor, and tell it that it is ready for work."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.embedded.home import write_private

READY_FILE = "WORKBENCH_READY_FILE"


def has_supervisor() -> bool:
    """Whether the stack started this process, rather than a person or a service of the machine."""
    return READY_FILE in os.environ


def announce_ready() -> None:
    """Create the file named by ``WORKBENCH_READY_FILE``, if the variable is set."""
    path = os.environ.get(READY_FILE)
    if path:
        write_private(Path(path), f"{os.getpid()}\n".encode())
