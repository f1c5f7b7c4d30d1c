"""Parses ``node.param=value`` on the command line."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.errors import WorkbenchError


def parse_settings(given: list[str]) -> dict[str, dict[str, Any]]:
    """["animate.sway=0.5"] -> {"animate": {"sway": 0.5}}. A value is parsed as JSON if possible, else it is a text.

    Raises WorkbenchError (pipeline.bad_option).
    """
    params: dict[str, dict[str, Any]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        node, dot, param = name.strip().partition(".")
        if not (equals and dot and node and param):
            raise WorkbenchError(
                "pipeline.bad_option",
                "the setting is not of the form node.param=value",
                where="--set",
                seen=text,
                allowed="node.param=value",
                remedy="For example --set animate.sway=0.5",
            )
        params.setdefault(node, {})[param] = _value(value)
    return params


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
