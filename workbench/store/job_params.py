"""The parameters of jobs as rows, and the conditions by which lists are searched for them."""

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

TEXT_LENGTH = 4000  # of a prompt or script that is searched
SPOKEN = ("prompt", "script")  # the parameters whose words are a job's title

_CONDITION = re.compile(
    r"(?:(?P<node>[A-Za-z_][\w-]{0,63})\.)?(?P<param>[A-Za-z_]\w{0,63})\s*"
    r"(?:(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>[^\x00]{0,200}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class ParamCondition:
    """A job has a node with this parameter and, where a sign is given, a value that compares so.

    Attributes:
        node: "" for any.
        sign: =, !=, <, <=, >, >= or "" (the job has such a parameter at all).
    """

    node: str
    param: str
    sign: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> ParamCondition:
        """From ``speed``, ``speech.speed``, ``speech.speed>=1.2``, ``style=calm``.

        Raises WorkbenchError (request.invalid).
        """
        found = _CONDITION.fullmatch(text.strip())
        condition = found and cls(found["node"] or "", found["param"], found["sign"] or "", (found["value"] or ""))
        if condition is None or (condition.sign in _ORDERED and condition.number is None):
            raise WorkbenchError(
                "request.invalid",
                "the condition on a parameter cannot be read",
                where="parameter",
                seen=text[:200],
                allowed="name, name=value, name!=value, name>=number, name<=number, name>number, name<number; "
                "the name as param or node.param",
                remedy="Correct it; `workbench pipelines` and /api/pipelines name the parameters.",
            )
        return condition

    @property
    def number(self) -> float | None:
        """The value where it is a finite number."""
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
                equal = or_(equal, func.coalesce(columns.number == number, False))  # a text has no number
            matches.append(equal if self.sign == "=" else ~equal)
        return jobs.c.id.in_(select(columns.job).where(*matches))


_ORDERED = {
    "<": lambda column, number: column < number,
    "<=": lambda column, number: column <= number,
    ">": lambda column, number: column > number,
    ">=": lambda column, number: column >= number,
}


def param_rows(job: str, node: Node) -> list[dict[str, Any]]:
    """Rows of ``job_params`` for the parameters of a node; those that are null or files are left out."""
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
    """The condition that a job's prompt or script has this text in it; case is ignored."""
    columns = job_params.c
    here = columns.param.in_(SPOKEN) & columns.text.icontains(text, autoescape=True)
    return jobs.c.id.in_(select(columns.job).where(here))
