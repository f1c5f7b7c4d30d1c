"""The metrics of jobs as rows, and conditions on them for filtering lists."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from schemas.errors import WorkbenchError
from workbench.store.tables import job_metrics, jobs

MAX_NAME = 250

_CONDITION = re.compile(
    r"(?:(?P<node>[A-Za-z_][\w-]{0,63})\.)?(?P<metric>[A-Za-z_][\w/-]{0,249})\s*"
    r"(?:(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>[^\x00]{0,60}))?",
    re.ASCII,
)
_SIGNS = {
    "=": lambda column, number: column == number,
    "!=": lambda column, number: column != number,
    "<": lambda column, number: column < number,
    "<=": lambda column, number: column <= number,
    ">": lambda column, number: column > number,
    ">=": lambda column, number: column >= number,
}


@dataclass(frozen=True)
class MetricCondition:
    """The condition that a job has a node with this metric, optionally compared with a number.

    Attributes:
        node: "" for any node.
        sign: =, !=, <, <=, >, >=, or "" if the metric only has to exist.
    """

    node: str
    metric: str
    sign: str = ""
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> MetricCondition:
        """Parse ``wer``, ``evaluate.wer``, ``evaluate.wer<=0.1``. Raises WorkbenchError (request.invalid)."""
        found = _CONDITION.fullmatch(text.strip())
        number = _number(found["value"]) if found and found["sign"] else 0.0
        if found is None or number is None:
            raise WorkbenchError(
                "request.invalid",
                "the condition on a metric is not valid",
                where="metric",
                seen=text[:200],
                allowed="name, name=number, name!=number, name>=number, name<=number, name>number, name<number, "
                "where name is metric or node.metric",
                remedy="Correct the condition. GET /api/columns lists the metrics that runs have.",
            )
        return cls(found["node"] or "", found["metric"], found["sign"] or "", number)

    def clause(self) -> ColumnElement[bool]:
        """The condition on a row of ``jobs``."""
        columns = job_metrics.c
        matches = [columns.metric == self.metric]
        if self.node:
            matches.append(columns.node == self.node)
        if self.sign:
            matches.append(_SIGNS[self.sign](columns.value, self.value))
        return jobs.c.id.in_(select(columns.job).where(*matches))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def metric_rows(job: str, node: str, metrics: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Rows of ``job_metrics`` for the metrics of a node, without values that are not finite numbers."""
    return [
        {"job": job, "node": node, "metric": name, "value": float(value)}
        for name, value in (metrics or {}).items()
        if len(name) <= MAX_NAME
        and "\0" not in name
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    ]
