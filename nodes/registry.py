"""Finds the declared services: files below nodes/, entry points of the group, and modules named in a setting."""

from __future__ import annotations

import pkgutil
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


@cache
def _import_all(more: tuple[str, ...]) -> None:
    for package in pkgutil.iter_modules(nodes.__path__, "nodes."):
        if package.ispkg and not package.name.startswith("nodes._"):
            import_all(NODES, files_of(package.name))
    import_all(NODES, more)
