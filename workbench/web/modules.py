"""The ES modules that an entry point needs, for places that load them from text: notebooks and exported files."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

IMPORT = re.compile(r'(\bfrom\s*)"(\.{1,2}/[\w./-]+)"')
PREFIX = "workbench/"  # of the names in an import map: relative ones mean nothing in a data: URL


def with_imports(entry: str, folders: Sequence[Path]) -> list[tuple[str, str]]:
    """(name, text) of the entry point and all that it imports, each after its imports.

    Names are paths below the folders; of two files with one name, that of the first folder counts.
    """
    ordered: dict[str, str] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        text = next(folder / name for folder in folders if (folder / name).is_file()).read_text(encoding="utf-8")
        for _, other in IMPORT.findall(text):
            add(resolved(name, other))
        ordered[name] = text

    add(entry)
    return list(ordered.items())


def resolved(name: str, imported: str) -> str:
    """The name of a module that the module ``name`` imports."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), imported))


def import_map(entry: str, folders: Sequence[Path]) -> dict[str, str]:
    """An import map in which every module is a data: URL, so that a page loads them without any server."""

    def url(name: str, text: str) -> str:
        named = IMPORT.sub(lambda found: f'{found[1]}"{PREFIX}{resolved(name, found[2])}"', text)
        return "data:text/javascript;base64," + base64.b64encode(named.encode()).decode()

    return {PREFIX + name: url(name, text) for name, text in with_imports(entry, folders)}
