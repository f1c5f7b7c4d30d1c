"""Labels of compared jobs: what differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from schemas.job import JobRecord
from workbench.client.deployment import Deployment
from workbench.store.columns import params_of

_VALUE_CHARS = 40


def labels_of(deployment: Deployment, records: Sequence[JobRecord]) -> dict[str, str]:
    """job -> label, all different. Jobs that differ in nothing shown are told apart by the ends of their ids."""
    params: dict[str, dict[str, Any]] = {
        job: dict(own) for job, own in params_of(deployment.store.database, [one.id for one in records]).items()
    }
    for one in records:
        params[one.id] |= {"pipeline": one.pipeline, "seed": one.seed}
    names = {name: None for own in params.values() for name in own}
    differing = [name for name in names if len({str(own.get(name)) for own in params.values()}) > 1]
    labels = {
        one.id: ", ".join(f"{_short(name, differing)} {_value(params[one.id].get(name))}" for name in differing)
        for one in records
    }
    counts = Counter(labels.values())
    return {job: text if text and counts[text] == 1 else f"{text} …{job[-6:]}".strip() for job, text in labels.items()}


def _short(name: str, among: Sequence[str]) -> str:
    """The name without its node, if that tells it from the others."""
    own = name.rpartition(".")[2]
    return own if sum(one.rpartition(".")[2] == own for one in among) == 1 else name


def _value(value: Any) -> str:
    text = "–" if value is None else " ".join(str(value).split())
    return text if len(text) <= _VALUE_CHARS else text[: _VALUE_CHARS - 1] + "…"
