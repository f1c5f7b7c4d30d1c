"""Finds the declared services: files below nodes/, entry points of the group, and modules named in a setting."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType

import nodes
from nodes.sdk import DECLARED, NodeDeclaration
from schemas.errors import WorkbenchError

ENTRY_POINT_GROUP = "workbench.nodes"
MODULES_VARIABLE = "WORKBENCH_NODE_MODULES"  # comma-separated; for node files that are not in an installed package


def services() -> Mapping[str, NodeDeclaration]:
    """All installed services by name. Imports the node files on the first call.

    Raises WorkbenchError (node.bad_declaration), naming the file and the invalid field.
    """
    _import_all(os.environ.get(MODULES_VARIABLE, ""))
    return MappingProxyType(DECLARED)


@cache
def _import_all(extra_modules: str) -> None:
    for package in pkgutil.iter_modules(nodes.__path__, "nodes."):
        if package.ispkg and not package.name.startswith("nodes._"):
            for module in pkgutil.iter_modules(importlib.import_module(package.name).__path__, f"{package.name}."):
                if not module.name.rpartition(".")[2].startswith("_"):
                    _import(module.name)
    for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        _import(entry_point.value)
    for name in filter(None, (name.strip() for name in extra_modules.split(","))):
        _import(name)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except WorkbenchError:
        raise
    except Exception as error:
        not_found = isinstance(error, ModuleNotFoundError) and name.startswith(error.name or "-")
        raise WorkbenchError(
            "node.bad_declaration",
            f"the node module {name} cannot be imported: {type(error).__name__}: {error}",
            where=name,
            remedy=f"Add the folder that contains it to PYTHONPATH, or correct {MODULES_VARIABLE}."
            if not_found
            else "Move heavy or optional imports into run() or a model loader.",
        ) from error
