"""Loopback ports: chosen once per home and remembered, so that links remain valid; fixed ports on request.

Chosen ports are in 20000-22759, and SeaweedFS puts its gRPC ports 10000 above its HTTP ports, in 30000-32759. Both are
below 32768, where Linux starts to assign ports to outgoing connections.
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

    ``fixed`` maps parts to required ports. A remembered port that another process occupies is replaced and reported.
    Raises WorkbenchError: stack.port_taken for a fixed port, settings.invalid for a port out of range.
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
            say(f"{part}: port {taken[0]} is occupied by {holder(taken[0])}; using another port")
        if taken or len(known) < len(names):
            fresh = _free_block(home, names)
            known = {**fresh, names[0]: fixed[part]} if part in fixed else fresh
        chosen.update(known)
    write_private(home / "ports.json", json.dumps({**remembered, **chosen}, indent=1).encode())
    return chosen


def fixed_ports(given: Mapping[str, int] | None = None) -> dict[str, int]:
    """Ports from ``WORKBENCH_PORT_<PART>``, overridden by those of the command line."""
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
                f"{text!r} is not a part with a port.",
                where="--port",
                seen=text,
                allowed=", ".join(f"{part}=N" for part in PORTS_OF_PART),
                remedy="Use the form --port bus=7000.",
            )
        ports[name] = int(number)
    return ports


def is_free(port: int, with_grpc: bool = False) -> bool:
    """Whether a server could listen on the loopback port now (and, for SeaweedFS, on the port 10000 above it)."""
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
    """The process that listens on a port, if this user may see it."""
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # the name is optional information, and processes of other users are hidden
    return "another process"


def _without_port(where: str, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "settings.invalid",
        "MLflow has no port: it listens on a Unix socket, and the app serves it at /mlflow.",
        where=where,
        seen=seen,
        allowed=", ".join(PORTS_OF_PART),
        remedy="Remove this setting. `workbench mlflow env` prints the settings for an MLflow client.",
    )


def _checked(part: str, port: int) -> int:
    grpc = part == "objects"
    highest = 65_535 - GRPC_OFFSET if grpc else 65_535
    if not 1024 <= port <= highest:
        raise WorkbenchError(
            "settings.invalid",
            f"{port} is not a valid port for {part}.",
            where=f"WORKBENCH_PORT_{part.upper()}",
            seen=port,
            allowed=f"1024-{highest}",
            remedy=f"Use another port, or unset WORKBENCH_PORT_{part.upper()} to have one chosen.",
        )
    if not is_free(port, grpc):
        busy = port if not is_free(port) else port + GRPC_OFFSET
        raise WorkbenchError(
            "stack.port_taken",
            f"The port {busy}, which {part} needs, is occupied by {holder(busy)}.",
            where=f"WORKBENCH_PORT_{part.upper()}",
            seen=port,
            allowed="a free port",
            remedy=f"End that process, use another port, or unset WORKBENCH_PORT_{part.upper()}.",
        )
    return port


def _free_block(home: Path, names: tuple[str, ...]) -> dict[str, int]:
    for base in _blocks(home):
        ports = {name: base + _SLOTS[name] for name in names}
        if all(is_free(port, name in WITH_GRPC) for name, port in ports.items()):
            return ports
    raise WorkbenchError(
        "stack.port_taken",
        "There is no free block of ports.",
        seen=f"all blocks in {_FIRST}-{_FIRST + 8 * _BLOCKS} are occupied",
        remedy="Stop other stacks on this machine, or set WORKBENCH_PORT_BUS, _OBJECTS and _APP.",
    )


def _blocks(home: Path) -> Iterator[int]:
    """Every block once, starting with one derived from the home's path, so that two homes rarely collide."""
    start = zlib.crc32(str(home).encode()) % _BLOCKS
    for step in range(_BLOCKS):
        yield _FIRST + 8 * ((start + step) % _BLOCKS)


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports that this home used last, by server; {} if there are none."""
    try:
        kept = json.loads((home / "ports.json").read_text())
        return {name: int(kept[name]) for name in _SLOTS if name in kept}
    except (OSError, ValueError, TypeError):
        return {}  # new ports can be chosen without any loss
