"""Turns pydantic's validation errors into errors with a remedy, for all layers.

``invalid`` returns the whole error. ``first_problem`` is for callers that need only its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.bounds import field_bounds
from schemas.errors import WorkbenchError

Loc = tuple[int | str, ...]
UNKNOWN_FIELD = "this field is not known here"

_LIMITS = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "max_length": "at most",
    "min_length": "at least",
}


@dataclass(frozen=True)
class Problem:
    """One of pydantic's error records as text."""

    loc: Loc
    text: str
    seen: Any  # None for a missing field: pydantic reports the whole object there
    allowed: str | None

    @property
    def field(self) -> str:
        """The top-level field, or "" where the problem concerns the whole object."""
        return str(self.loc[0]) if self.loc else ""

    @property
    def place(self) -> str:
        return location(self.loc)

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.loc else self.text


def invalid(
    error: ValidationError | Sequence[Any],
    code: str,
    what: str | None = None,
    *,
    where: str = "",
    model: type[BaseModel] | None = None,
    allowed: object = None,
    remedy: str = "Correct the value.",
) -> WorkbenchError:
    """The error for the first problem.

    Args:
        error: the exception of pydantic, or the records that FastAPI derived from it.
        what: prefix of the explanation; by default, the field.
        where: the parsed object; the field is appended.
        model: the model that gives the bounds of the field.
        allowed: overrides the allowed values of the model or the record.
    """
    problem = first_problem(error)
    bounds = field_bounds(model, problem.field) if model is not None and problem.field else None
    return WorkbenchError(
        code,
        str(problem) if what is None else f"{what}: {problem.text}",
        where=_within(where, problem.place),
        seen=problem.seen,
        allowed=allowed or bounds or problem.allowed,
        remedy=remedy,
    )


def first_problem(error: ValidationError | Sequence[Any]) -> Problem:
    return problems_of(error)[0]


def problems_of(error: ValidationError | Sequence[Any]) -> list[Problem]:
    """All records in pydantic's order; at least one."""
    records = error.errors(include_url=False) if isinstance(error, ValidationError) else error
    return [_problem(record) for record in records]


def location(loc: Loc) -> str:
    """("nodes", 3, "retries", "attempt") -> nodes[3].retries.attempt"""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _problem(record: Any) -> Problem:
    missing = record["type"] == "missing"
    return Problem(tuple(record["loc"]), _text(record), None if missing else record.get("input"), _allowed(record))


def _text(record: Any) -> str:
    if record["type"] == "extra_forbidden":
        return UNKNOWN_FIELD
    if record["type"] == "missing":
        return "this field is required"
    text = str(record["msg"])
    if record["type"] in ("value_error", "assertion_error"):  # from our own validators, whose text needs no prefix
        return text.partition(", ")[2] or text
    return text[0].lower() + text[1:]


def _allowed(record: Any) -> str | None:
    context = record.get("ctx") or {}
    found = [f"{_LIMITS[name]} {value}" for name, value in context.items() if name in _LIMITS]
    if "expected" in context:
        found.append(str(context["expected"]))
    if "pattern" in context:
        found.append(f"text matching {context['pattern']}")
    return ", ".join(found) or None


def _within(where: str, place: str) -> str:
    if not where or not place:
        return where or place
    return where + place if place.startswith("[") or where.endswith(" ") else f"{where}.{place}"
