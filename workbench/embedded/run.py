"""Runs one stack in this process until it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workbench.embedded.home import home_error, only_instance, prepare_home
from workbench.embedded.part import Part
from workbench.embedded.plan import DEFAULT_PARTS, plan_stack
from workbench.embedded.process import rotate
from workbench.embedded.signals import Signals
from workbench.embedded.supervisor import Supervisor, recover
from workbench.settings import remove_stack_file, write_stack_file


@dataclass(frozen=True)
class StackOptions:
    """What to run: names of parts, fixed ports by part, and processes to run instead of the usual roles.

    ``token``: whether the page and its API require the home's token from clients on this machine.
    """

    only: Collection[str] = DEFAULT_PARTS
    ports: Mapping[str, int] | None = None
    roles: Collection[Part] | None = None
    token: bool = True


def run_stack(
    home: Path,
    options: StackOptions,
    *,
    on_started: Callable[[], None] = lambda: None,
    on_first_up: Callable[[Part], None] = lambda part: None,
    say: Callable[[str], None] = lambda line: None,
) -> bool:
    """Supervise until SIGTERM, SIGINT or SIGHUP, then stop everything. Blocks; main thread only.

    Calls ``on_started`` once, after all required parts have responded, and ``on_first_up`` for each part when it first
    responds. Returns False, without doing anything, if another process already runs this home's stack. Raises
    WorkbenchError, with nothing left running.
    """
    prepare_home(home)
    with only_instance(home) as mine:
        if not mine:
            return False
        log = home / "logs" / "stack.log"
        rotate(log)

        def note(line: str) -> None:
            say(line)
            try:
                with log.open("a") as file:
                    file.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {line}\n")
            except OSError:
                say(f"(not logged: {log} cannot be written)")

        recover(home, note)
        signals = Signals()
        try:
            try:
                plan = plan_stack(home, options.only, options.ports, options.roles, note, token=options.token)
                write_stack_file(home, dict(plan.values))
            except OSError as error:
                raise home_error(home, error) from error
            _supervise(Supervisor(home, plan.parts, note, on_first_up), signals, on_started)
        finally:
            remove_stack_file(home)
            signals.close()
    return True


def _supervise(supervisor: Supervisor, signals: Signals, on_started: Callable[[], None]) -> None:
    announced = False
    try:
        supervisor.start()
        while not signals.stop_asked:
            supervisor.tick()
            if not announced:
                supervisor.check_start()
                if supervisor.started:
                    on_started()
                    announced = True
            signals.wait(min(0.5, max(0.01, supervisor.next_due() - time.monotonic())))
    finally:
        supervisor.stop(signals.hurry)
