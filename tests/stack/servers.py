"""Real servers for tests, without the supervisor's loop: started, waited for, stopped."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.leftovers import leave_nothing_running
from workbench.embedded.home import prepare_home
from workbench.embedded.part import START_TIMEOUT_S
from workbench.embedded.plan import plan_stack
from workbench.embedded.supervisor import Supervisor
from workbench.settings import Settings, load_settings


@contextmanager
def running_servers(home: Path, only: Collection[str] = ("bus", "objects")) -> Iterator[Settings]:
    """Some servers of a stack in ``home``; yields the settings that reach them. Call it from the main thread.

    Nothing is published into the home: a test that reads settings from there wants a real `workbench up`.
    """
    with supervised_servers(home, only) as (settings, _):
        yield settings


@contextmanager
def supervised_servers(home: Path, only: Collection[str]) -> Iterator[tuple[Settings, Supervisor]]:
    """The same with their supervisor, for a test that has servers restarted: it calls ``tick`` itself."""
    leave_nothing_running()
    lines: list[str] = []
    prepare_home(home)
    plan = plan_stack(home, only, say=lines.append)
    supervisor = Supervisor(home, plan.parts, lines.append)
    supervisor.start()
    try:
        until = time.monotonic() + START_TIMEOUT_S
        while not supervisor.all_up:
            supervisor.check_start()
            assert time.monotonic() < until, "\n".join(lines)
            time.sleep(0.02)
            supervisor.tick()
        yield load_settings(home=home, **plan.values), supervisor
    finally:
        supervisor.stop()
