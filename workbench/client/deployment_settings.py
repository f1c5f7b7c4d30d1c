"""Finds the settings of the deployment: the one that runs, or the embedded one, which can be started on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.settings import Settings, load_settings


def open_settings(
    home: Path | None = None, *, start: bool = False, starting: Callable[[Path], None] = lambda home: None
) -> Settings:
    """The settings of the deployment that the environment or the home names.

    Args:
        home: home of an embedded stack; default: ``WORKBENCH_HOME``, else the user's data folder.
        start: start the embedded stack if no URL is set and none runs; this blocks for about ten seconds. Commands that
            only read do not start it: a query should neither take that long nor leave seven processes running.
        starting: called before the stack is started.

    Raises WorkbenchError: stack.not_running, and the errors of `workbench up`.
    """
    from workbench.embedded.plan import given_from_outside

    settings = load_settings(**({"home": home} if home else {}))
    if given_from_outside("bus"):
        return settings
    from workbench.embedded.stack import ensure_running, is_running

    # The published settings of a stack remain after it is killed, so check whether it is alive.
    runs = is_running(settings.home)
    if start:
        if not runs:
            starting(settings.home)
        return ensure_running(settings.home)
    if not runs:
        raise WorkbenchError(
            "stack.not_running",
            "no stack runs in this home",
            where=str(settings.home),
            remedy="Start it with `workbench up --detach`, or set WORKBENCH_HOME or the URLs of another deployment.",
        )
    return settings
