"""From a notebook or a script to a deployment."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.client.deployment_settings import open_settings
from workbench.notebook.workbench import Workbench


def connect(home: str | Path | None = None, *, start: bool = True) -> Workbench:
    """The deployment that runs here, or the embedded one, started now.

    ``WORKBENCH_*`` variables name another deployment. Takes a fraction of a second, or about ten seconds if the stack
    has to be started; it goes on when the notebook or script ends (``workbench down`` stops it).

    Args:
        home: of an embedded stack; default: ``WORKBENCH_HOME``, else the user's data folder.
        start: False: raise rather than start anything.

    Raises WorkbenchError: stack.not_running, settings.invalid, and what `workbench up` raises.
    """
    place = Path(home).expanduser().absolute() if home is not None else None
    return Workbench(open_settings(place, start=start, starting=_say))


def _say(home: Path) -> None:
    print(f"starting the stack in {home} …", file=sys.stderr, flush=True)
