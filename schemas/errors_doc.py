"""Writes ``docs/errors.md`` from ``ERROR_CODES``: ``python -m schemas.errors_doc``."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import ERROR_CODES

DEFAULT_PATH = Path("docs/errors.md")
_HEAD = """\
# Errors

`python -m schemas.errors_doc` writes this page from `schemas/errors.py`; a test fails when they differ.

An error says what went wrong, where, the value seen, the values allowed and the remedy. It carries one of these codes
on the command line, in the `error.code` of a node in the graph, and in the JSON of every interface.
"""
_TITLES = {
    "graph": "Graphs, checked at submit",
    "job": "Jobs",
    "review": "Approvals",
    "pipeline": "Pipelines",
    "node": "Nodes",
    "bus": "The bus",
    "store": "The object store",
    "sql": "The database",
    "tracking": "MLflow",
    "stack": "The embedded stack",
    "home": "The home directory",
    "settings": "Settings",
    "app": "The page and the HTTP API",
    "request": "Requests",
    "access": "Access",
    "user": "Users",
    "artifact": "Artifacts",
    "capabilities": "Capabilities",
    "upload": "Uploads",
}


def render() -> str:
    """The page: one table for each family of codes, in the order of ``ERROR_CODES``."""
    families: dict[str, list[str]] = {}
    for code in ERROR_CODES:
        families.setdefault(code.partition(".")[0], []).append(code)
    parts = [_HEAD]
    for family, codes in families.items():
        rows = "\n".join(f"| `{code}` | {ERROR_CODES[code]} |" for code in codes)
        parts.append(f"## {_TITLES.get(family, family.capitalize())}\n\n| code | meaning |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    DEFAULT_PATH.write_text(render())
