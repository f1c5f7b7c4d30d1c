"""Detects modules that shadow our packages ``nodes`` and ``schemas``.

Python first searches the folder of the script, or of the notebook. Every checkout of ComfyUI has a ``nodes.py``.
Without this check, a nested import would fail with an error that names neither file.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "nodes")


def check_packages() -> None:
    """Raise ImportError with a remedy if one of PACKAGES is not ours."""
    for name in PACKAGES:
        found = _location(name)
        if found is not None and found.parent != OURS:
            raise ImportError(_message(name, found), name=name, path=str(found))


def _location(name: str) -> Path | None:
    """The file of the module or the folder of the package that is imported or would be imported."""
    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


def _message(name: str, found: Path) -> str:
    again = "It is already imported: restart Python first. " if name in sys.modules else ""
    return (
        f"Another module shadows the workbench's package `{name}`.\n"
        f"  seen: {found}\n"
        f"  allowed: {OURS / name}\n"
        f"  remedy: {again}Start Python in another folder, or with the option -P. "
        f"In a notebook, run this before the import: import sys; sys.path.insert(0, {str(OURS)!r})"
    )
