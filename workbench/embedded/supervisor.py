"""Keeps the parts of one stack alive: starts them in order, restarts dead ones, stops them in order.

One thread on purpose: children are spawned from it, and Linux counts the death of the spawning thread as the death
of the parent.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.backoff import Backoff
from workbench.embedded.guard import Guard
from workbench.embedded.part import Part
from workbench.embedded.probes import public_url
from workbench.embedded.process import (
    ProcessId,
    end,
    end_leftover,
    exit_words,
    has_exited,
    last_lines,
    reap,
    spawn,
)
from workbench.embedded.record import PartRecord, StackRecord, read_record, remove_record, write_record
from workbench.embedded.tracking_socket import clear_socket

PAUSES = Backoff(first_s=0.2, longest_s=15.0)
HEALTHY_S = 60.0  # after being up for this long, the delays of restarts are reset
DEATHS_THAT_FAIL_A_START = 3
STOP_ORDER = ("app", "worker", "control", "mlflow", "objects", "sql", "bus")


@dataclass
class Watched:
    """One part and its state."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    started_at: float = 0.0
    next_start: float = 0.0
    next_probe: float = 0.0
    up_since: float | None = None
    answered: bool = False  # since this process was started
    ever_up: bool = False
    deaths_in_a_row: int = 0
    restarts: int = 0
    last_exit: str | None = None
    message: str = field(default="")

    def record(self) -> PartRecord:
        return PartRecord(
            name=self.part.name,
            url=public_url(self.part.url),
            external=self.part.external,
            process=self.identity,
            ready=self.answered,
            restarts=self.restarts,
            deaths_in_a_row=self.deaths_in_a_row,
            last_exit=self.last_exit,
            message=self.message,
        )


def recover(home: Path, say: Callable[[str], None]) -> None:
    """End processes in this home that were left by an earlier supervisor, which was killed."""
    left = read_record(home)
    for part in left.parts if left else []:
        if part.process is not None and end_leftover(part.process):
            say(f"{part.name}: ended pid {part.process.pid}, left by an earlier stack")
    clear_socket(home)
    remove_record(home)


class Supervisor:
    """The state of one running stack. Usage: start, then tick until told to stop, then stop."""

    def __init__(
        self,
        home: Path,
        parts: Iterable[Part],
        say: Callable[[str], None],
        on_first_up: Callable[[Part], None] = lambda part: None,
    ) -> None:
        self.home = home
        self._say = say
        self._on_first_up = on_first_up
        self._watched = {part.name: Watched(part) for part in parts}
        self._guard: Guard | None = None
        self._me = ProcessId.of(os.getpid())
        self._written: StackRecord | None = None
        self._record_problem = ""
        self._stopping = False

    @property
    def started(self) -> bool:
        """Whether all required parts have been up at least once."""
        return all(watched.ever_up for watched in self._watched.values() if watched.part.required)

    @property
    def all_up(self) -> bool:
        return all(watched.up_since is not None for watched in self._watched.values())

    def start(self) -> None:
        self._guard = Guard(self.home)
        self.tick()

    def tick(self) -> None:
        """Process all parts once: reap, start and probe those that are due, and write the record if it changed."""
        now = time.monotonic()
        for watched in self._watched.values():
            if watched.process is not None and has_exited(watched.process):
                self._died(watched, now)
            if watched.part.argv and watched.process is None and now >= watched.next_start and self._may_start(watched):
                self._spawn(watched, now)
            if now >= watched.next_probe and (watched.process is not None or not watched.part.argv):
                self._probe(watched, now)
        self._write_record()

    def next_due(self) -> float:
        """The time of the next due action on the monotonic clock; SIGCHLD reports the death of a child."""
        return min(
            (
                watched.next_start if watched.process is None and watched.part.argv else watched.next_probe
                for watched in self._watched.values()
                if self._may_start(watched)
            ),
            default=time.monotonic() + 1.0,
        )

    def check_start(self) -> None:
        """Raise stack.part_failed if the first start of a required part failed."""
        for watched in self._watched.values():
            if watched.ever_up or not watched.part.required:
                continue
            late = watched.started_at and time.monotonic() - watched.started_at > watched.part.start_timeout_s
            if watched.deaths_in_a_row >= DEATHS_THAT_FAIL_A_START or late:
                if watched.part.external:
                    raise WorkbenchError(
                        "stack.part_failed",
                        f"{watched.part.name} is external and does not respond: {watched.message}",
                        where=watched.part.name,
                        seen=public_url(watched.part.url),
                        remedy="Start that server, correct its URL, or unset it to use an embedded one.",
                    )
                name, log = watched.part.name, self.log_of(watched.part.name)
                raise WorkbenchError(
                    "stack.part_failed",
                    f"{name} did not start"
                    + (f": {watched.last_exit}." if watched.last_exit else ": it does not respond."),
                    where=str(log) if watched.part.argv else watched.part.name,
                    seen=watched.message or None,
                    remedy="Read the last lines of its log below, or run `workbench doctor`.",
                    log=last_lines(log),
                )

    def log_of(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop all parts, the front ends first and the bus last. Kills them at once when ``hurry`` becomes true."""
        self._stopping = True
        self._write_record()
        for name in sorted(self._watched, key=_stop_rank):
            watched = self._watched[name]
            if watched.process is None:
                continue
            group = watched.process.pid
            code = end(watched.process, 0.0 if hurry() else watched.part.stop_timeout_s, hurry)
            watched.process = watched.identity = None
            self._say(f"{name}: stopped, {exit_words(code)}")
            if self._guard:
                self._guard.forget(group)
            if watched.part.tidy:
                watched.part.tidy()
        if self._guard:
            self._guard.close()
            self._guard = None
        clear_socket(self.home)
        remove_record(self.home)

    def _may_start(self, watched: Watched) -> bool:
        return all(self._watched[name].ever_up for name in watched.part.after if name in self._watched)

    def _spawn(self, watched: Watched, now: float) -> None:
        part = watched.part
        if part.tidy:
            part.tidy()
        env = {**os.environ, "WORKBENCH_HOME": str(self.home), **part.env}
        try:
            watched.process = spawn(part.argv, env=env, cwd=part.cwd, log=self.log_of(part.name), umask=part.umask)
        except OSError as error:  # full disk, no memory, missing program: retried later
            watched.message = f"cannot be started: {error.strerror or error}"
            self._schedule_restart(watched, now)
            return
        watched.identity = ProcessId.of(watched.process.pid)
        watched.started_at = now
        watched.answered = False
        watched.next_probe = now + 0.05
        if self._guard:
            self._guard.watch(watched.process.pid)

    def _died(self, watched: Watched, now: float) -> None:
        assert watched.process is not None
        group = watched.process.pid
        code = reap(watched.process)
        if self._guard:
            self._guard.forget(group)
        if watched.up_since is not None and now - watched.up_since >= HEALTHY_S:
            watched.deaths_in_a_row = 0
        watched.process = watched.identity = None
        watched.up_since = None
        watched.last_exit = exit_words(code)
        self._schedule_restart(watched, now)

    def _schedule_restart(self, watched: Watched, now: float) -> None:
        pause = PAUSES.pause_s(watched.deaths_in_a_row + 1)
        watched.deaths_in_a_row += 1
        watched.restarts += 1
        watched.next_start = now + pause
        if watched.last_exit:
            watched.message = f"ended with {watched.last_exit}"
        self._say(f"{watched.part.name}: {watched.message}; restart {watched.restarts} in {pause:.1f} s")

    def _probe(self, watched: Watched, now: float) -> None:
        if not self._may_start(watched):
            return
        watched.started_at = watched.started_at or now
        try:
            watched.part.probe()
        except WorkbenchError as error:
            if watched.up_since is not None:
                self._say(f"{watched.part.name}: stopped responding. {error.message}")
                watched.up_since = None
            watched.message = error.message
            # MLflow takes seconds to start, so it needs fewer probes than a server that starts in 70 ms.
            watched.next_probe = time.monotonic() + (0.1 if watched.part.required else 0.5)
        else:
            if watched.up_since is None:
                where = f" at {public_url(watched.part.url)}" if watched.part.url else ""
                self._say(f"{watched.part.name}: up{where}")
                watched.up_since = time.monotonic()
            first = not watched.ever_up
            watched.answered = watched.ever_up = True
            watched.message = ""
            if first:
                self._on_first_up(watched.part)
            if time.monotonic() - watched.up_since >= HEALTHY_S:
                watched.deaths_in_a_row = 0
            watched.next_probe = time.monotonic() + 5.0

    def _write_record(self) -> None:
        if self._me is None:
            return
        parts = [watched.record() for watched in self._watched.values()]
        record = StackRecord(supervisor=self._me, started=self.started, stopping=self._stopping, parts=parts)
        if record == self._written:
            return
        try:
            write_record(self.home, record)
        except OSError as error:  # a full disk must not end a running stack; retried at the next tick
            if str(error) != self._record_problem:
                self._record_problem = str(error)
                self._say(f"the state of the stack cannot be written: {error}")
        else:
            self._written = record
            self._record_problem = ""


def _stop_rank(name: str) -> int:
    kind = name.partition("-")[0]  # worker-torch is a worker
    return STOP_ORDER.index(kind) if kind in STOP_ORDER else 0
