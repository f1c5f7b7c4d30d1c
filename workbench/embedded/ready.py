"""How a control plane or worker tells the supervisor that it is ready for work."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.embedded.home import write_private

READY_FILE = "WORKBENCH_READY_FILE"


def announce_ready() -> None:
    """Create the file that ``WORKBENCH_READY_FILE`` names; nothing where the variable is not set."""
    path = os.environ.get(READY_FILE)
    if path:
        write_private(Path(path), f"{os.getpid()}\n".encode())
