"""The name of a job's run in MLflow: what was changed against the pipeline's defaults, and the beginning of its text.

MLflow's table and its comparison show the beginning of a name, so that the differences come first:
``sway 0.4, seed 3 · Good morning. The experiment… · 1f3a9c``. The end is that of the job's id, so that two runs with
equal settings have different names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from nodes.registry import services
from schemas.graph import Node
from schemas.job import JobRecord
from schemas.refs import read_ref
from workbench.store.job_params import SPOKEN
from workbench.store.listing import shortened

CHANGES_LENGTH, VALUE_LENGTH, TEXT_LENGTH = 60, 20, 40
_NOT_NAMED = frozenset({*SPOKEN, "narration", "portrait", "audio", "voice", "ref_text", "model"})


def run_name(job: JobRecord) -> str:
    """The changes or, without any, the pipeline; the first words of what is said; the end of the job's id."""
    changed = _cut(", ".join(changes(job)), CHANGES_LENGTH)
    text = _cut(shortened(_text(job)), TEXT_LENGTH)
    return " · ".join(filter(None, (changed or job.pipeline or job.graph.workflow_id, text, job.id[-6:])))


def changes(job: JobRecord) -> list[str]:
    """``name value`` for each parameter and option that a person set to another value than the default.

    For a graph that no pipeline built, all parameters are compared with the defaults of their services.
    """
    nodes = {node.id: node for node in job.graph.nodes}
    asked = job.graph.metadata.get("asked")
    asked = asked if isinstance(asked, dict) else None
    given = _dict(asked.get("params")) if asked else {name: node.params for name, node in nodes.items()}
    found = [
        (node, name, value)
        for node, params in given.items()
        if node in nodes
        for name, value in _dict(params).items()
        if name not in _NOT_NAMED and _plain(value) and value != _default(nodes[node], name)
    ]
    names = [name for _, name, _ in found]
    said = [f"{name if names.count(name) == 1 else f'{node}.{name}'} {_value(value)}" for node, name, value in found]
    options = _dict(asked.get("options")) if asked else {"seed": job.seed} if job.seed else {}
    return said + list(_options(options))


def _options(options: dict[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if name == "leaveOut" and isinstance(value, list):
            yield f"without {', '.join(map(str, value))}"
        elif name not in _NOT_NAMED and _plain(value) and not (isinstance(value, str) and len(value) > VALUE_LENGTH):
            yield name if value is True else f"{name} {_value(value)}"


def _text(job: JobRecord) -> str:
    """The script or the prompt, as in the titles of lists: of the first node that has one, a script before a prompt."""
    for name in sorted(SPOKEN, reverse=True):
        for node in job.graph.nodes:
            if isinstance(text := node.params.get(name), str) and text.strip():
                return text
    return ""


def _default(node: Node, name: str) -> Any:
    declared = services().get(node.service)
    field = declared.params.model_fields.get(name) if declared else None
    return None if field is None else field.get_default(call_default_factory=True, validated_data={})


def _plain(value: Any) -> bool:
    return value is not None and read_ref(value) is None


def _value(value: Any) -> str:
    return _cut(value if isinstance(value, str) else orjson.dumps(value).decode(), VALUE_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip(" ,") + "…"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
