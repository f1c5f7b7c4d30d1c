"""Writes ``docs/services.md`` from the declarations of the nodes that ship: ``python -m nodes.services_doc``."""

from __future__ import annotations

from pathlib import Path

from nodes.registry import services
from nodes.sdk import NodeDeclaration

DEFAULT_PATH = Path("docs/services.md")
_HEAD = """\
# Services

`python -m nodes.services_doc` writes this page from the declarations under `nodes/`; a test fails when they differ.
`workbench nodes` lists what is installed, `workbench nodes SERVICE` shows the parameters, inputs and outputs of one.
A service that takes an input in parts starts with the first part of the node before it, if that makes it in parts.
[How to write one](nodes.md)
"""
_COLUMNS = "| service | title | what it does | in parts | tags | pool |\n|---|---|---|---|---|---|"


def render() -> str:
    """The page: one table for each category, both in alphabetical order."""
    categories: dict[str, list[NodeDeclaration]] = {}
    shipped = [one for one in services().values() if one.run.__module__.startswith("nodes.")]
    for declaration in sorted(shipped, key=lambda one: (one.category, one.service)):
        categories.setdefault(declaration.category, []).append(declaration)
    parts = [_HEAD]
    for category, found in categories.items():
        rows = "\n".join(map(_row, found))
        parts.append(f"## {category}\n\n{_COLUMNS}\n{rows}\n")
    return "\n".join(parts)


def _row(one: NodeDeclaration) -> str:
    what = one.doc.splitlines()[0]
    return f"| `{one.service}` | {one.title} | {what} | {_in_parts(one)} | {', '.join(one.tags)} | `{one.pool}` |"


def _in_parts(one: NodeDeclaration) -> str:
    """What it takes and makes in parts."""
    lists = (("takes", one.in_parts), ("makes", one.made_in_parts))
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in lists if names)


if __name__ == "__main__":
    DEFAULT_PATH.write_text(render())
