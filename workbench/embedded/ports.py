"""Loopback ports: chosen once per home and remembered, so that links stay valid; fixed ones on request.

Chosen ports lie in 20000-22759, and SeaweedFS puts its gRPC ports 10000 above its HTTP ports, in 30000-32759: both
below 32768, where Linux hands out ports to outgoing connections.
"""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.home import write_private

PORTS_OF_PART: dict[str, tuple[str, ...]] = {
    "bus": ("bus",),
    "objects": ("s3", "master", "volume", "filer", "admin"),
    "app": ("app",),
}
GRPC_OFFSET = 10_000
WITH_GRPC = frozenset(PORTS_OF_PART["objects"])
_SLOTS = {name: slot for slot, name in enumerate(name for names in PORTS_OF_PART.values() for name in names)}
_FIRST, _BLOCKS = 20_000, 345


def choose_ports(
    home: Path, parts: Collection[str], fixed: Mapping[str, int], say: Callable[[str], None]
) -> dict[str, int]:
    """A free port for every server of the given parts, remembered in ``ports.json``.

    ``fixed`` maps a part to the port it must have. A remembered port that something else took is replaced, and said.
    Raises WorkbenchError: stack.port_taken for a fixed port, settings.invalid for one out of range.
    """
    remembered = remembered_ports(home)
    chosen: dict[str, int] = {}
    for part in parts:
        names = PORTS_OF_PART[part]
        known = {name: remembered[name] for name in names if name in remembered}
        if part in fixed:
            known[names[0]] = _checked(part, fixed[part])
        taken = [port for name, port in known.items() if not is_free(port, name in WITH_GRPC)]
        if taken:
            say(f"{part}: port {taken[0]} is occupied by {holder(taken[0])}; another one is taken")
        if taken or len(known) < len(names):
            fresh = _free_block(home, names)
            known = {**fresh, names[0]: fixed[part]} if part in fixed else fresh
        chosen.update(known)
    write_private(home / "ports.json", json.dumps({**remembered, **chosen}, indent=1).encode())
    return chosen


def fixed_ports(given: Mapping[str, int] | None = None) -> dict[str, int]:
    """Ports asked for by ``WORKBENCH_PORT_<PART>``, overridden by what was given on the command line."""
    if os.environ.get("WORKBENCH_PORT_MLFLOW"):
        raise _without_port("WORKBENCH_PORT_MLFLOW", os.environ["WORKBENCH_PORT_MLFLOW"])
    ports: dict[str, int] = {}
    for part in PORTS_OF_PART:
        name = f"WORKBENCH_PORT_{part.upper()}"
        text = os.environ.get(name)
        if text:
            if not text.isdigit():
                raise WorkbenchError(
                    "settings.invalid",
                    f"{name} is not a port number.",
                    where=name,
                    seen=text,
                    allowed="1024-65535",
                    remedy=f"Correct or unset {name}.",
                )
            ports[part] = int(text)
    return {**ports, **(given or {})}


def parse_ports(given: Collection[str]) -> dict[str, int]:
    """``bus=7000`` as on the command line. Raises settings.invalid."""
    ports = {}
    for text in given:
        name, _, number = text.partition("=")
        if name == "mlflow":
            raise _without_port("--port", text)
        if name not in PORTS_OF_PART or not number.isdigit():
            raise WorkbenchError(
                "settings.invalid",
                f"{text!r} does not name a part and a port.",
                where="--port",
                seen=text,
                allowed=", ".join(f"{part}=N" for part in PORTS_OF_PART),
                remedy="Give it as --port bus=7000.",
            )
        ports[name] = int(number)
    return ports


def is_free(port: int, with_grpc: bool = False) -> bool:
    """Whether a server could listen on the port on loopback now (and, for SeaweedFS, 10000 above it)."""
    for candidate in (port, port + GRPC_OFFSET) if with_grpc else (port,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
            try:
                probe.bind(("127.0.0.1", candidate))
                probe.listen(1)
            except OSError:
                return False
    return True


def holder(port: int) -> str:
    """Which process listens on a port, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # only a courtesy: other users' processes are hidden from us
    return "another process"


def _without_port(where: str, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "settings.invalid",
        "MLflow has no port: it listens on a Unix socket, and the app serves it at /mlflow.",
        where=where,
        seen=seen,
        allowed=", ".join(PORTS_OF_PART),
        remedy="Leave it out; `workbench mlflow env` prints what an MLflow client needs.",
    )


def _checked(part: str, port: int) -> int:
    grpc = part == "objects"
    highest = 65_535 - GRPC_OFFSET if grpc else 65_535
    if not 1024 <= port <= highest:
        raise WorkbenchError(
            "settings.invalid",
            f"{port} cannot be the port of {part}.",
            where=f"WORKBENCH_PORT_{part.upper()}",
            seen=port,
            allowed=f"1024-{highest}",
            remedy=f"Give another port, or unset WORKBENCH_PORT_{part.upper()} to have one chosen.",
        )
    if not is_free(port, grpc):
        busy = port if not is_free(port) else port + GRPC_OFFSET
        raise WorkbenchError(
            "stack.port_taken",
            f"The port {busy}, which {part} needs, is occupied by {holder(busy)}.",
            where=f"WORKBENCH_PORT_{part.upper()}",
            seen=port,
            allowed="a free port",
            remedy=f"End that process, give another port, or unset WORKBENCH_PORT_{part.upper()}.",
        )
    return port


def _free_block(home: Path, names: tuple[str, ...]) -> dict[str, int]:
    for base in _blocks(home):
        ports = {name: base + _SLOTS[name] for name in names}
        if all(is_free(port, name in WITH_GRPC) for name, port in ports.items()):
            return ports
    raise WorkbenchError(
        "stack.port_taken",
        "No free block of ports was found.",
        seen=f"{_FIRST}-{_FIRST + 8 * _BLOCKS} all occupied",
        remedy="End some of the stacks on this machine, or fix ports with WORKBENCH_PORT_BUS, _OBJECTS and _APP.",
    )


def _blocks(home: Path) -> Iterator[int]:
    """Every block once, beginning where the home's path falls: two homes that start together seldom meet."""
    start = zlib.crc32(str(home).encode()) % _BLOCKS
    for step in range(_BLOCKS):
        yield _FIRST + 8 * ((start + step) % _BLOCKS)


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports this home used last, by server; {} when there are none."""
    try:
        kept = json.loads((home / "ports.json").read_text())
        return {name: int(kept[name]) for name in _SLOTS if name in kept}
    except (OSError, ValueError, TypeError):
        return {}  # nothing is lost by choosing anew
