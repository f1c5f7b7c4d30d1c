"""Finds the declared services: files below nodes/, entry points of the group, and modules named in a setting."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import nodes
from nodes.finding import Kind, files_of, import_all
from nodes.sdk import DECLARED, NodeDeclaration

NODES = Kind(
    "node",
    "workbench.nodes",
    "WORKBENCH_NODE_MODULES",
    "node.bad_declaration",
    "Move heavy or optional imports into run() or a model loader.",
)


def services() -> Mapping[str, NodeDeclaration]:
    """All installed services by name. Imports the node files on the first call.

    Raises WorkbenchError (node.bad_declaration), naming the file and the invalid field.
    """
    _import_all(NODES.modules())
    return MappingProxyType(DECLARED)


def added() -> list[str]:
    """Modules of nodes that were added or installed after this process had imported all of them. Takes 0.1 s."""
    found = [one for package in _packages() for one in files_of(package)]
    return sorted({*found, *NODES.installed()} - sys.modules.keys())


def _packages() -> list[str]:
    """The folders below nodes/ whose files declare services."""
    inside = pkgutil.iter_modules(nodes.__path__, "nodes.")
    return [one.name for one in inside if one.ispkg and not one.name.startswith("nodes._")]


@cache
def _import_all(more: tuple[str, ...]) -> None:
    for package in _packages():
        import_all(NODES, files_of(package))
    import_all(NODES, more)
