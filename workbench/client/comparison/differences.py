"""What differs between runs: pipelines, parts, parameters, inputs and seeds, and labels made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.comparison import Difference
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.refs import read_ref
from workbench.client.comparison.chosen import Chosen

LABEL_LENGTH = 60
_TEXT_LENGTH = 300
SEED = "seed"


def settings_of(record: JobRecord) -> dict[str, Any]:
    """Everything that a person chose for a run, by name: plain values, and files by name and digest.

    Values that the graph repeats, because several nodes take the same input, have the name of the input alone.
    """
    found: dict[str, Any] = {"pipeline": record.pipeline or record.graph.workflow_id, SEED: record.seed}
    inputs: dict[str, list[tuple[str, Any]]] = {}
    for node in record.graph.nodes:
        found[node.id] = node.service
        for name, value in node.params.items():
            found[f"{node.id}.{name}"] = _plain(value)
        for name, value in node.input.items():
            if not (isinstance(value, str) and value.startswith("$")):
                inputs.setdefault(name, []).append((node.id, _plain(value)))
    for name, given in inputs.items():
        if all(value == given[0][1] for _, value in given) and name not in found:
            found[name] = given[0][1]
        else:
            found |= {f"{node}.{name}": value for node, value in given}
    return found


def without_seed(graph: Graph) -> str:
    """Equal for runs that differ in nothing but the seed."""
    nodes = [
        (
            node.id,
            node.service,
            {name: value for name, value in node.params.items() if name != SEED},
            node.input,
        )
        for node in graph.nodes
    ]
    return json.dumps(nodes, sort_keys=True, default=str)


def differences(chosen: Sequence[Chosen]) -> list[Difference]:
    """The settings in which the runs differ, in the order of the graph. Files from outside have none.

    A parameter of a part that only some runs have counts only if it differs among these.
    """
    every = [settings_of(one.record) if one.record else {} for one in chosen]
    runs = [own for own in every if own]
    names = dict.fromkeys(name for own in runs for name in own)
    found = []
    for name in names:
        values = [own.get(name) for own in runs]
        if name in _parts(runs):
            differs = any(value != values[0] for value in values)
        else:
            there = [own[name] for own in runs if name in own]
            differs = any(value != there[0] for value in there)
        if differs:
            found.append(Difference(name=name, values=[own.get(name) for own in every]))
    outputs = [f"{one.node}.{one.output}" if one.ref and one.record else None for one in chosen]
    if len({output for output in outputs if output}) > 1:
        found.append(Difference(name="output", values=outputs))
    return found


def labels(chosen: Sequence[Chosen], found: Sequence[Difference], titles: Sequence[str]) -> list[str]:
    """A short, unique name for each video: its values of what differs, else its title."""
    short = _short_names([difference.name for difference in found])
    made = []
    for at, one in enumerate(chosen):
        if one.record is None:
            made.append(titles[at])
            continue
        words = [f"{short[own.name]} {_shown(own.values[at])}".strip() for own in found if own.values[at] is not None]
        label = " · ".join(words)
        made.append((label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…") or titles[at])
    again = Counter(made)
    return [
        label if again[label] == 1 else f"{label} ({one.job[:8] or one.given[:8]})" if _tells(one, label, chosen, made)
        else f"{label} ({at + 1})"
        for at, (one, label) in enumerate(zip(chosen, made, strict=True))
    ]  # fmt: skip


def _tells(one: Chosen, label: str, chosen: Sequence[Chosen], made: Sequence[str]) -> bool:
    """Whether the first digits of its id tell it from the others with this label."""
    ids = [(other.job or other.given)[:8] for other, its in zip(chosen, made, strict=True) if its == label]
    return len(set(ids)) == len(ids)


def _parts(runs: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names of settings that every run has a value for, if only by lacking them: the parts of the graph."""
    return {name for own in runs for name in own if "." not in name}


def _plain(value: Any) -> Any:
    ref = read_ref(value)
    if ref is not None:
        return f"{ref.name} ({ref.sha256[:8]})" if ref.name else f"{ref.kind} {ref.sha256[:8]}"
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= _TEXT_LENGTH else text[: _TEXT_LENGTH - 1] + "…"


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """The last part of each name, where that is enough to tell it from the others."""
    again = Counter(name.rpartition(".")[2] for name in names)
    return {name: last if again[last := name.rpartition(".")[2]] == 1 else name for name in names}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
