"""Looks at the environment of the engine that it runs in: ``python -m workbench.environments.probe POOL MODULE…``."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from types import ModuleType

from schemas.engine import EngineCheck


def probe(pool: str, modules: list[str]) -> EngineCheck:
    """Import the modules and look at the services of the pool."""
    from nodes.manifest import manifests
    from nodes.registry import services

    imported: dict[str, ModuleType] = {}
    broken = {}
    for name in modules:
        try:
            imported[name] = import_module(name)
        except Exception as error:  # a package of others may raise anything, and the report says what
            broken[name] = f"{type(error).__name__}: {error}"
    return EngineCheck(
        name=pool,
        python=platform.python_version(),
        packages={name: str(getattr(module, "__version__", "")) for name, module in imported.items()},
        broken=broken,
        devices=_devices(imported.get("torch")),
        services={item.service: item.missing for item in manifests(services()) if item.pool == pool},
    )


def _devices(torch: ModuleType | None) -> list[str]:
    found = [f"cpu, {os.cpu_count()} cores"]
    if torch is not None and torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            memory_gib = torch.cuda.mem_get_info(index)[1] / 2**30
            found.append(f"cuda:{index}, {torch.cuda.get_device_name(index)}, {memory_gib:.0f} GiB")
    if torch is not None and torch.backends.mps.is_available():
        found.append("mps")
    return found


if __name__ == "__main__":
    print(probe(sys.argv[1], sys.argv[2:]).to_json().decode())
