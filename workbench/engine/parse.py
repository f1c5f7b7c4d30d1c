"""Parses bytes into a graph, with errors that name the node and the field."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError

from schemas.errors import WorkbenchError
from schemas.graph import MAX_DOCUMENT_BYTES, MAX_EDGES, MAX_NODES, SCHEMA, Graph
from schemas.problem import location, problems_of


def parse_graph(document: bytes | str | dict[str, Any]) -> Graph:
    """Read a graph document, in the current or an older spelling.

    Raises WorkbenchError: graph.not_json, graph.too_large, graph.schema.
    """
    raw = document if isinstance(document, dict) else read_document(document)
    if raw.get("schema") != SCHEMA:
        raise WorkbenchError(
            "graph.schema",
            "the document is not declared as a graph of this version",
            where="schema",
            seen=raw.get("schema", "nothing"),
            allowed=SCHEMA,
            remedy=f'Add "schema": "{SCHEMA}".',
        )
    for field, most in (("nodes", MAX_NODES), ("edges", MAX_EDGES)):
        given = raw.get(field)
        if isinstance(given, list) and len(given) > most:
            raise WorkbenchError(
                "graph.too_large",
                f"the graph has too many {field}",
                where=field,
                seen=f"{len(given):,}",
                allowed=f"at most {most:,}",
                remedy="Submit several jobs.",
            )
    try:
        return Graph.model_validate(raw)
    except ValidationError as error:
        raise _schema_error(error, raw) from None


def read_document(document: bytes | str) -> dict[str, Any]:
    """The JSON object of a document. Raises WorkbenchError: graph.not_json, graph.too_large, graph.schema."""
    data = document.encode() if isinstance(document, str) else document
    if len(data) > MAX_DOCUMENT_BYTES:
        raise WorkbenchError(
            "graph.too_large",
            "the graph document is too large",
            seen=f"{len(data):,} bytes",
            allowed=f"at most {MAX_DOCUMENT_BYTES:,} bytes",
            remedy="Do not embed bytes in the graph: upload files and refer to them by digest.",
        )
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise WorkbenchError(
            "graph.not_json",
            f"the document is not JSON: {error.msg}",
            where=f"line {error.lineno}, column {error.colno}",
            seen=data[max(0, error.pos - 20) : error.pos + 20].decode(errors="replace"),
            remedy="Submit one JSON object; `workbench schemas export` writes its JSON Schema.",
        ) from None
    if not isinstance(raw, dict):
        raise WorkbenchError(
            "graph.schema",
            "a graph must be a JSON object",
            seen=type(raw).__name__,
            allowed="an object with schema, nodes, edges",
        )
    return raw


def _schema_error(error: ValidationError, raw: dict[str, Any]) -> WorkbenchError:
    problems = problems_of(error)
    first, loc = problems[0], problems[0].loc
    where = first.place
    if len(loc) > 1 and loc[0] == "nodes" and isinstance(loc[1], int):
        node = raw["nodes"][loc[1]]
        if isinstance(node, dict) and node.get("id"):
            where = f"node {node['id']}: {location(loc[2:]) or 'the node'}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return WorkbenchError(
        "graph.schema",
        f"the graph does not match its schema: {first.text}{more}",
        where=where,
        seen=first.seen,
        allowed=first.allowed,
        remedy="`workbench schemas export` writes the JSON Schema of a graph.",
        problems=[str(problem) for problem in problems[:20]],
    )
