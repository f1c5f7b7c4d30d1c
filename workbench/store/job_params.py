"""The parameters of jobs as rows, and conditions on them for filtering lists."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, or_, select

from schemas.errors import WorkbenchError
from schemas.graph import Node
from schemas.refs import read_ref
from workbench.store.tables import job_params, jobs

TEXT_LENGTH = 4000  # searchable characters of a prompt or script
SPOKEN = ("prompt", "script")  # the parameters that a job's title is taken from

_CONDITION = re.compile(
    r"(?:(?P<node>[A-Za-z_][\w-]{0,63})\.)?(?P<param>[A-Za-z_]\w{0,63})\s*"
    r"(?:(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>[^\x00]{0,200}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class ParamCondition:
    """The condition that a job has a node with this parameter, optionally compared with a value.

    Attributes:
        node: "" for any node.
        sign: =, !=, <, <=, >, >=, or "" if the parameter only has to exist.
    """

    node: str
    param: str
    sign: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> ParamCondition:
        """Parse ``speed``, ``speech.speed``, ``speech.speed>=1.2``, ``style=calm``.

        Raises WorkbenchError (request.invalid).
        """
        found = _CONDITION.fullmatch(text.strip())
        condition = found and cls(found["node"] or "", found["param"], found["sign"] or "", (found["value"] or ""))
        if condition is None or (condition.sign in _ORDERED and condition.number is None):
            raise WorkbenchError(
                "request.invalid",
                "the condition on a parameter is not valid",
                where="parameter",
                seen=text[:200],
                allowed="name, name=value, name!=value, name>=number, name<=number, name>number, name<number, "
                "where name is param or node.param",
                remedy="Correct the condition. `workbench pipelines` and /api/pipelines list the parameters.",
            )
        return condition

    @property
    def number(self) -> float | None:
        """The value, if it is a finite number."""
        try:
            number = float(self.value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def clause(self) -> ColumnElement[bool]:
        """The condition on a row of ``jobs``."""
        columns = job_params.c
        matches = [columns.param == self.param]
        if self.node:
            matches.append(columns.node == self.node)
        number = self.number
        if self.sign in _ORDERED:
            matches.append(_ORDERED[self.sign](columns.number, number))
        elif self.sign:
            equal = columns.text == self.value
            if number is not None:
                equal = or_(equal, func.coalesce(columns.number == number, False))  # number is NULL for texts
            matches.append(equal if self.sign == "=" else ~equal)
        return jobs.c.id.in_(select(columns.job).where(*matches))


_ORDERED = {
    "<": lambda column, number: column < number,
    "<=": lambda column, number: column <= number,
    ">": lambda column, number: column > number,
    ">=": lambda column, number: column >= number,
}


def param_rows(job: str, node: Node) -> list[dict[str, Any]]:
    """Rows of ``job_params`` for the parameters of a node, without null values and files."""
    rows = []
    for name, value in node.params.items():
        if value is None or read_ref(value) is not None or len(name) > 64:
            continue
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        rows.append(
            {
                "job": job,
                "node": node.id,
                "param": name,
                "text": text[:TEXT_LENGTH].replace("\0", "\N{REPLACEMENT CHARACTER}"),
                "number": float(value) if isinstance(value, bool | int | float) else None,
            }
        )
    return rows


def spoken(text: str) -> ColumnElement[bool]:
    """The condition that a job's prompt or script contains this text; case is ignored."""
    columns = job_params.c
    here = columns.param.in_(SPOKEN) & columns.text.icontains(text, autoescape=True)
    return jobs.c.id.in_(select(columns.job).where(here))
