"""Writes the tables of ``docs/pipelines.md``: ``python -m workbench.pipelines.sdk.reference``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schemas.pipeline import InputUse
from workbench.pipelines.registry import pipelines
from workbench.pipelines.sdk.declaration import Pipeline
from workbench.pipelines.sdk.inputs import InputField

DEFAULT_PATH = Path("docs/pipelines.md")
_HOLDS = {"portraits": "zip of portraits", "lora": "LoRA: a name or a file"}
BEGIN = "<!-- written by python -m workbench.pipelines.sdk.reference -->"


def render(page: str, found: Iterable[Pipeline]) -> str:
    """The page with a section for each pipeline after the line ``BEGIN``."""
    return "\n\n".join([page[: page.index(BEGIN) + len(BEGIN)], *map(_section, found)]) + "\n"


def _section(one: Pipeline) -> str:
    nodes = ", ".join(f"`{step.id}`{' (optional)' if step.optional else ''}" for step in one.steps)
    result = f" Result: `{'.'.join(one.result)}`." if one.result else ""
    lines = [f"## `{one.name}`: {one.title}", "", one.doc, "", f"Nodes: {nodes}.{result}"]
    if one.inputs:
        lines += ["", "| input | type | required | description |", "|---|---|---|---|"]
        lines += [_row(name, field) for name, field in one.inputs.items()]
    return "\n".join(lines)


def _row(name: str, one: InputField) -> str:
    used = {
        InputUse.NEEDED: "always",
        InputUse.ONE_OF: f"one of {', '.join(one.group)}",
        InputUse.OPTIONAL: "optional" if one.default in (None, "", False) else f"optional; default {one.default}",
    }
    needs = f"; with {' or '.join(one.form.needs)}" if one.form.needs else ""
    plain = _HOLDS.get(one.upload_kind, one.kind.value)
    kind = f"{plain}, {one.allowed}" if one.allowed else plain
    return f"| `{name}` | {kind} | {used[one.use]}{needs} | {one.doc} |"


if __name__ == "__main__":
    DEFAULT_PATH.write_text(render(DEFAULT_PATH.read_text(encoding="utf-8"), pipelines().values()), encoding="utf-8")
