"""Finds the files that declare something: those of a folder, entry points of a group, modules named in a variable."""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from schemas.errors import WorkbenchError

# Two threads that import the same files in different orders can see one of them half imported.
_IMPORTING = threading.RLock()


@dataclass(frozen=True)
class Kind:
    """What is looked for, and how its errors speak of it."""

    word: str  # "node"
    group: str  # of entry points, whose values are modules
    variable: str  # comma-separated modules; for files that are not an installed package
    code: str  # of the error for a module that cannot be imported
    remedy: str

    def modules(self) -> tuple[str, ...]:
        """What the entry points and the variable name."""
        named = (name.strip() for name in os.environ.get(self.variable, "").split(","))
        return (*_entry_points(self.group), *filter(None, named))

    def installed(self) -> tuple[str, ...]:
        """What the entry points name now, which may be more than ``modules`` found when this process began."""
        return _entry_points.__wrapped__(self.group)


@cache  # it reads the metadata of every installed package: a tenth of a second
def _entry_points(group: str) -> tuple[str, ...]:
    return tuple(point.value for point in metadata.entry_points(group=group))


def files_of(package: str) -> list[str]:
    """The modules of a package, in the order of their names, without folders and without those that begin with _."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
    return [one.name for one in found if not one.ispkg and not one.name.rpartition(".")[2].startswith("_")]


def import_all(kind: Kind, modules: Iterable[str]) -> None:
    """Import modules that declare something. Raises WorkbenchError (the kind's code) naming the one that fails."""
    with _IMPORTING:
        for name in modules:
            _import(kind, name)


def _import(kind: Kind, name: str) -> None:
    try:
        importlib.import_module(name)
    except WorkbenchError:
        raise
    except Exception as error:
        not_found = isinstance(error, ModuleNotFoundError) and name.startswith(error.name or "-")
        raise WorkbenchError(
            kind.code,
            f"the {kind.word} module {name} cannot be imported: {type(error).__name__}: {error}",
            where=name,
            remedy=f"Add the folder that contains it to PYTHONPATH, or correct {kind.variable}."
            if not_found
            else kind.remedy,
        ) from error
