"""Lets a control plane or worker tell the supervisor that it is ready for work."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.embedded.home import write_private

READY_FILE = "WORKBENCH_READY_FILE"


def announce_ready() -> None:
    """Create the file named by ``WORKBENCH_READY_FILE``, if the variable is set."""
    path = os.environ.get(READY_FILE)
    if path:
        write_private(Path(path), f"{os.getpid()}\n".encode())
