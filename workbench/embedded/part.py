"""What the supervisor must know of one part to keep it alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT_S = 300.0  # a busy machine is slow; a part that dies fails the start at once


@dataclass(frozen=True)
class Part:
    """One part of the stack.

    Args:
        name: one of schemas.stack.PART_NAMES.
        probe: returns when the part is usable and raises WorkbenchError when it is not. Called often: quick.
        argv: the command; empty for a part without a process (a file, or a server from outside).
        env: variables on top of the supervisor's own.
        cwd: working directory.
        url: where it is, with the password; "" for a part without a server.
        external: given from outside; probed, never started.
        after: parts that must be up first.
        required: the stack counts as started only when this part is up.
        start_timeout_s: after that long without an answer the start of a required part has failed.
        stop_timeout_s: how long it may take after SIGTERM before its group is killed.
        tidy: called after its process has ended and before it is started.
        umask: of its process; -1: the supervisor's own.
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
