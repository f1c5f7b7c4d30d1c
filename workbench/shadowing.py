"""Finds out whether something of the current folder stands in the place of our packages ``nodes`` and ``schemas``.

Python looks first beside a script, and in a notebook's folder. Every checkout of ComfyUI has a ``nodes.py``; without
this check an import deep inside would fail for a reason that names neither file.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "nodes")


def check_packages() -> None:
    """Raise ImportError where one of PACKAGES is not ours, with its place and the remedy."""
    for name in PACKAGES:
        found = _place(name)
        if found is not None and found.parent != OURS:
            raise ImportError(_explained(name, found), name=name, path=str(found))


def _place(name: str) -> Path | None:
    """The file of a module, or the folder of a package: imported already, or what an import would take."""
    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


def _explained(name: str, found: Path) -> str:
    again = "It is imported already: restart Python first. " if name in sys.modules else ""
    return (
        f"Another module has the name of the workbench's package `{name}` and is found in its place.\n"
        f"  seen: {found}\n"
        f"  allowed: {OURS / name}\n"
        f"  remedy: {again}Start Python in another folder, or with the option -P. "
        f"In a notebook, run this before the import: import sys; sys.path.insert(0, {str(OURS)!r})"
    )
