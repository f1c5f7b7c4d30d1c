"""Removes what is not needed from the folder of models: interrupted downloads, and models of no catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nodes.catalogue import Catalogue
from nodes.weights import installed
from workbench.weights.folder import ModelFolder


class Kind(StrEnum):
    """What is left over."""

    DOWNLOAD = "interrupted download"
    MODEL = "model of no catalogue"


@dataclass(frozen=True)
class Leftover:
    """Something that can be removed, with the bytes that this frees at most (hard links share theirs)."""

    kind: Kind
    name: str
    bytes: int


def leftovers(folder: ModelFolder, catalogue: Catalogue) -> list[Leftover]:
    """Downloads that no process works on, and installed models that neither the catalogue nor an import names.

    Folders without a record are not the workbench's and stay.
    """
    found = []
    for name in folder.partials():
        with folder.lock(name) as held:
            if held():
                found.append(Leftover(Kind.DOWNLOAD, name, _size(folder.partial(name))))
    for name, record in installed(folder.root).items():
        if name not in catalogue.models and not record.own:
            found.append(Leftover(Kind.MODEL, name, _size(folder.of(name))))
    return found


def remove(folder: ModelFolder, found: Sequence[Leftover]) -> list[Leftover]:
    """Remove them; returns what was removed. What a process works on by now stays."""
    removed = []
    for one in found:
        with folder.writing(), folder.lock(one.name) as held:
            if held():
                place = folder.partial(one.name) if one.kind is Kind.DOWNLOAD else folder.of(one.name)
                shutil.rmtree(place)
                removed.append(one)
    return removed


def _size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
