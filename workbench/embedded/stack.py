"""Starts, queries and stops the stack of a home, from any process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.stack import PART_NAMES, PartState, PartStatus, StackStatus
from workbench.embedded.home import only_instance, prepare_home
from workbench.embedded.part import START_TIMEOUT_S
from workbench.embedded.plan import URL_OF_PART, given_from_outside
from workbench.embedded.probes import probe, public_url
from workbench.embedded.process import last_lines, rotate
from workbench.embedded.record import PartRecord, StackRecord, read_record
from workbench.embedded.run import StackOptions
from workbench.embedded.supervisor import recover
from workbench.host import python_module
from workbench.settings import Settings, load_settings, remove_stack_file

OPEN = "open to all accounts on this machine (--no-token)"


def ensure_running(home: Path, options: StackOptions | None = None) -> Settings:
    """The settings of this home's stack, which is started in the background if necessary. Blocks until it is usable.

    Raises WorkbenchError like `workbench up`.
    """
    record = _live_record(home)
    if record is None or record.stopping or not wait_started(home):
        start_detached(home, options or StackOptions())
    return load_settings(home=home)


def is_running(home: Path) -> bool:
    """Whether a supervisor is running in this home. Published settings alone may be leftovers of a killed one."""
    return _live_record(home) is not None


def start_detached(home: Path, options: StackOptions, timeout_s: float = START_TIMEOUT_S + 30.0) -> None:
    """Start a supervisor in its own session, and return when all required parts are up.

    Joins a stack that is already running. Raises WorkbenchError: home.*, settings.invalid, stack.*.
    """
    prepare_home(home)
    log = home / "logs" / "stack.log"
    rotate(log)
    reader, writer = os.pipe()
    try:
        what = {
            "home": str(home),
            "only": list(options.only),
            "ports": dict(options.ports or {}),
            "token": options.token,
            "report": writer,
        }
        with log.open("ab") as output:
            daemon = subprocess.Popen(
                python_module("workbench.embedded.daemon", json.dumps(what)),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
            )
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answered = select.select([pipe], [], [], timeout_s)[0]
        line = pipe.readline() if answered else b""
    answer: dict[str, Any] = json.loads(line) if line else {}
    if "error" in answer:
        daemon.wait()
        raise WorkbenchError.from_info(ErrorInfo.model_validate(answer["error"]))
    if answer.get("joined"):
        daemon.wait()
        if not wait_started(home):
            start_detached(home, options, timeout_s)
    elif not answer:
        raise WorkbenchError(
            "stack.part_failed",
            "The supervisor ended before the stack was up." if answered else "The stack did not start in time.",
            where=str(log),
            remedy="Read the last lines of its log below, or run `workbench doctor`.",
            log=last_lines(log),
        )


def wait_started(home: Path, timeout_s: float = START_TIMEOUT_S + 30.0) -> bool:
    """Block until the stack that another process runs here is usable. Returns False if that process has ended.

    Raises WorkbenchError (stack.part_failed) if neither happens in time.
    """
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        record = _live_record(home)
        if record is not None and record.started and not record.stopping:
            return True
        with only_instance(home) as nobody_runs:
            if nobody_runs:
                return False
        time.sleep(0.05)
    raise WorkbenchError(
        "stack.part_failed",
        f"Another process uses this home, and its stack did not start within {timeout_s:.0f} s.",
        where=str(home),
        remedy="Check `workbench status` and logs/stack.log in the home; `workbench down` stops that stack.",
        log=last_lines(home / "logs" / "stack.log"),
    )


def status(home: Path) -> StackStatus:
    """Probe all parts now. Takes milliseconds, or at most about a second if a part hangs."""
    record = _live_record(home)
    settings = load_settings(home=home)
    with ThreadPoolExecutor(len(URL_OF_PART)) as pool:  # one part that hangs must not delay the others
        asked = {name: pool.submit(_problem, name, settings) for name in URL_OF_PART if _is_there(name, record)}
        problems = {name: answer.result() for name, answer in asked.items()}
    engines = [part.name for part in record.parts if part.name not in PART_NAMES] if record else []
    after = PART_NAMES.index("worker") + 1
    names = (*PART_NAMES[:after], *engines, *PART_NAMES[after:])
    parts = [_part_status(name, record, settings, problems.get(name, "")) for name in names]
    if record is not None and is_open(record, settings):
        parts = [
            part.model_copy(update={"message": part.message or OPEN}) if part.name == "app" else part for part in parts
        ]
    return StackStatus(home=str(home), pid=record.supervisor.pid if record else None, parts=parts)


def is_open(record: StackRecord, settings: Settings) -> bool:
    """Whether all accounts on this machine can use the page of this stack."""
    page = record.part("app")
    return page is not None and not page.external and not settings.app_token and settings.login != "required"


def stop(home: Path, timeout_s: float = 100.0) -> bool:
    """Stop this home's stack and wait until all its processes have ended. Returns False if none was running.

    A supervisor that does not end in time is killed, and its remaining processes are ended.
    """
    record = _live_record(home)
    if record is not None:
        _signal(record.supervisor.pid, signal.SIGTERM)
        if not _wait_gone(record, timeout_s):
            _signal(record.supervisor.pid, signal.SIGKILL)
            _wait_gone(record, 5.0)
    if read_record(home) is not None:  # left by a supervisor that was killed now or earlier
        with only_instance(home) as mine:
            if mine:
                recover(home, lambda line: None)
                remove_stack_file(home)
    return record is not None


def _live_record(home: Path) -> StackRecord | None:
    record = read_record(home)
    return record if record is not None and record.supervisor.alive() else None


def _is_there(name: str, record: StackRecord | None) -> bool:
    return record.part(name) is not None if record else given_from_outside(name)


def _problem(name: str, settings: Settings) -> str:
    try:
        probe(name, settings)
    except WorkbenchError as error:
        return error.message
    return ""


def _part_status(name: str, record: StackRecord | None, settings: Settings, problem: str) -> PartStatus:
    url = public_url(getattr(settings, URL_OF_PART[name])) if name in URL_OF_PART else None
    known = record.part(name) if record else None
    if record is None and name in URL_OF_PART and given_from_outside(name):
        known = PartRecord(name=name, external=True)
    if known is None:
        return PartStatus(name=name, state=PartState.DOWN if record is None else PartState.OFF)
    alive = known.process is not None and known.process.alive()
    answers = not problem if name in URL_OF_PART else known.ready
    return PartStatus(
        name=name,
        url=url or None,
        state=_state(known, alive, answers=answers),
        pid=known.process.pid if alive and known.process else None,
        restarts=known.restarts,
        last_exit=known.last_exit,
        message="" if answers else known.message or problem,
    )


def _state(known: PartRecord, alive: bool, *, answers: bool) -> PartState:
    if known.external:
        return PartState.EXTERNAL if answers else PartState.DOWN
    if answers and (alive or known.name == "sql"):
        return PartState.UP
    hangs = alive and known.ready
    return PartState.FAILING if hangs or known.name == "sql" or known.deaths_in_a_row > 2 else PartState.STARTING


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_gone(record: StackRecord, timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while record.supervisor.alive():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
