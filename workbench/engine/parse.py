"""From bytes to a graph, with errors that name the node and the field."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from schemas.errors import WorkbenchError
from schemas.graph import MAX_DOCUMENT_BYTES, MAX_NODES, SCHEMA, Graph


def parse_graph(document: bytes | str | dict[str, Any]) -> Graph:
    """Read a graph document, in the present or the older spelling.

    Raises WorkbenchError: graph.not_json, graph.too_large, graph.schema.
    """
    raw = document if isinstance(document, dict) else read_document(document)
    if raw.get("schema") != SCHEMA:
        raise WorkbenchError(
            "graph.schema",
            "the document does not say that it is a graph this workbench reads",
            where="schema",
            seen=raw.get("schema", "nothing"),
            allowed=SCHEMA,
            remedy=f'Write "schema": "{SCHEMA}".',
        )
    nodes = raw.get("nodes")
    if isinstance(nodes, list) and len(nodes) > MAX_NODES:
        raise WorkbenchError(
            "graph.too_large",
            "the graph has too many nodes",
            where="nodes",
            seen=len(nodes),
            allowed=f"at most {MAX_NODES}",
            remedy="Submit several jobs, or a sweep.",
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
            remedy="Keep bytes out of the graph: upload files and refer to them by digest.",
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
            "a graph is a JSON object",
            seen=type(raw).__name__,
            allowed="an object with schema, nodes, edges",
        )
    return raw


def _schema_error(error: ValidationError, raw: dict[str, Any]) -> WorkbenchError:
    problems = error.errors(include_url=False)
    first = problems[0]
    message = f"the graph does not match its schema: {explain(first)}"
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    where = location(first["loc"])
    loc = first["loc"]
    if len(loc) > 1 and loc[0] == "nodes" and isinstance(loc[1], int):
        node = raw["nodes"][loc[1]]
        if isinstance(node, dict) and node.get("id"):
            where = f"node {node['id']}: {location(loc[2:]) or 'the node'}"
    return WorkbenchError(
        "graph.schema",
        message,
        where=where,
        seen=None if first["type"] == "missing" else first.get("input"),
        allowed=allowed(first),
        remedy="`workbench schemas export` writes the JSON Schema of a graph.",
        problems=[f"{location(problem['loc'])}: {explain(problem)}" for problem in problems[:20]],
    )


def location(loc: tuple[int | str, ...]) -> str:
    """("nodes", 3, "retries", "attempt") -> nodes[3].retries.attempt"""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def explain(problem: Any) -> str:
    """A sentence for one of pydantic's error records."""
    if problem["type"] == "extra_forbidden":
        return "this field is not known here"
    if problem["type"] == "missing":
        return "this field is required"
    return str(problem["msg"][0].lower() + problem["msg"][1:])


def allowed(problem: Any) -> str | None:
    """The bounds or choices in one of pydantic's error records, in words."""
    context = problem.get("ctx") or {}
    words = {
        "ge": "at least",
        "gt": "more than",
        "le": "at most",
        "lt": "less than",
        "max_length": "at most",
        "min_length": "at least",
    }
    found = [f"{words[name]} {value}" for name, value in context.items() if name in words]
    if "expected" in context:
        found.append(str(context["expected"]))
    if "pattern" in context:
        found.append(f"text matching {context['pattern']}")
    return ", ".join(found) or None


def field_bounds(model: type[BaseModel], name: str) -> str | None:
    """The bounds of a model's field in words, e.g. "number, 0 to 2"; None for an unknown field."""
    schema = model.model_json_schema()
    definition = schema.get("properties", {}).get(name)
    if definition is None:
        return None
    if "$ref" in definition:
        definition = schema.get("$defs", {}).get(definition["$ref"].rpartition("/")[2], definition)
    return bounds_in_words(definition)


def bounds_in_words(definition: dict[str, Any]) -> str:
    """A JSON Schema of one value in words."""
    choices = [option for option in definition.get("anyOf", []) if option.get("type") != "null"]
    if choices:
        return " or ".join(bounds_in_words(option) for option in choices)
    if "$ref" in definition:
        return str(definition["$ref"]).rpartition("/")[2]
    if definition.get("type") == "array":
        return "list of " + bounds_in_words(definition.get("items", {}))
    if "enum" in definition:
        return "one of " + ", ".join(map(str, definition["enum"]))
    if "const" in definition:
        return str(definition["const"])
    parts = [str(definition.get("type", "a value"))]
    low = definition.get("minimum", definition.get("exclusiveMinimum"))
    high = definition.get("maximum", definition.get("exclusiveMaximum"))
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None:
        parts.append(f"from {low}")
    elif high is not None:
        parts.append(f"up to {high}")
    if "maxLength" in definition:
        parts.append(f"at most {definition['maxLength']} characters")
    if "multipleOf" in definition:
        parts.append(f"a multiple of {definition['multipleOf']}")
    return ", ".join(parts)
