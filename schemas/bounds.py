"""The bounds of a value in words, from its JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def field_bounds(model: type[BaseModel], name: str) -> str | None:
    """The bounds of a model's field in words, e.g. "number, 0 to 2"; None for an unknown field.

    Args:
        name: in Python's spelling or that of JSON.
    """
    schema = model.model_json_schema()
    field = model.model_fields.get(name)
    definition = schema.get("properties", {}).get(field.alias or name if field else name)
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
        if "prefixItems" in definition:
            return f"list of {len(definition['prefixItems'])}: " + ", ".join(
                map(bounds_in_words, definition["prefixItems"])
            )
        most = f", at most {definition['maxItems']}" if "maxItems" in definition else ""
        return "list of " + bounds_in_words(definition.get("items", {})) + most
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
    if "pattern" in definition:
        parts.append(f"matching {definition['pattern']}")
    if "multipleOf" in definition:
        parts.append(f"a multiple of {definition['multipleOf']}")
    return ", ".join(parts)
