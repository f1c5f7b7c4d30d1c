"""The description of one part that the supervisor needs to keep it alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT_S = 300.0  # a busy machine is slow; a part that dies fails the start at once


@dataclass(frozen=True)
class Part:
    """One part of the stack.

    Args:
        name: one of schemas.stack.PART_NAMES, or worker-<engine>.
        probe: returns if the part is usable, else raises WorkbenchError. It is called often, so it must be quick.
        argv: the command; empty for a part without a process (a file, or an external server).
        env: variables in addition to the supervisor's own.
        cwd: working directory.
        url: its URL, including the password; "" for a part without a server.
        external: whether it is configured by its URL; then it is probed and never started.
        after: parts that must be up first.
        required: whether the stack counts as started only when this part is up.
        start_timeout_s: time without a response after which the start of a required part has failed.
        stop_timeout_s: time after SIGTERM until its process group is killed.
        tidy: called after its process has ended and before it starts.
        umask: umask of its process; -1 for the supervisor's own.
    """

    name: str
    probe: Callable[[], None]
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    url: str = ""
    external: bool = False
    after: tuple[str, ...] = ()
    required: bool = True
    start_timeout_s: float = START_TIMEOUT_S
    stop_timeout_s: float = 15.0
    tidy: Callable[[], None] | None = None
    umask: int = -1
