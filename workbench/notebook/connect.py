"""Connects a notebook or a script to a deployment."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.client.deployment_settings import open_settings
from workbench.notebook.workbench import Workbench


def connect(home: str | Path | None = None, *, start: bool = True) -> Workbench:
    """Connect to the deployment that runs here, or start the embedded one.

    ``WORKBENCH_*`` variables select another deployment. Takes a fraction of a second, or about ten seconds if the stack
    has to be started. The stack continues when the notebook or script ends (``workbench down`` stops it).

    Args:
        home: home of an embedded stack; default: ``WORKBENCH_HOME``, else the user's data folder.
        start: if False, raise an error instead of starting a stack.

    Raises WorkbenchError: stack.not_running, settings.invalid, and the errors of `workbench up`.
    """
    place = Path(home).expanduser().absolute() if home is not None else None
    return Workbench(open_settings(place, start=start, starting=_report_start))


def _report_start(home: Path) -> None:
    print(f"starting the stack in {home} …", file=sys.stderr, flush=True)
