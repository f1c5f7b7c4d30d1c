"""The columns and the orders of the list of runs: ``param:speech.speed``, ``metric:evaluate.wer``, ``-created``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import WorkbenchError

_COLUMN = re.compile(
    r"(?P<kind>param|metric):(?P<node>[A-Za-z_][\w-]{0,63})\.(?P<name>[A-Za-z_][\w/.-]{0,249})", re.ASCII
)
FORM = "param:NODE.NAME or metric:NODE.NAME, such as metric:evaluate.wer"


class ColumnKind(StrEnum):
    PARAM = "param"
    METRIC = "metric"


class Standing(StrEnum):
    """Orders by what every run has."""

    CREATED = "created"
    SECONDS = "seconds"  # from acceptance to the end
    RATING = "rating"


@dataclass(frozen=True)
class RunColumn:
    """A parameter or a metric of the node with this id."""

    kind: ColumnKind
    node: str
    name: str

    @classmethod
    def parse(cls, text: str, where: str = "column") -> RunColumn:
        """Raises WorkbenchError (request.invalid)."""
        found = _COLUMN.fullmatch(text)
        if found is None:
            raise WorkbenchError(
                "request.invalid",
                "there is no such column",
                where=where,
                seen=text[:200],
                allowed=FORM,
                remedy="GET /api/columns lists the columns that runs have.",
            )
        return cls(ColumnKind(found["kind"]), found["node"], found["name"])

    def __str__(self) -> str:
        return f"{self.kind}:{self.node}.{self.name}"


@dataclass(frozen=True)
class RunOrder:
    """By what to order. Runs without a value come last in either direction, and the newest first among equal ones."""

    by: Standing | RunColumn = Standing.CREATED
    down: bool = True

    @classmethod
    def parse(cls, text: str) -> RunOrder:
        """Parse ``-created``, ``rating``, ``metric:evaluate.wer``: "-" first for the largest first.

        Raises WorkbenchError (request.invalid).
        """
        name = text.removeprefix("-")
        if name in set(Standing):
            return cls(Standing(name), text != name)
        if not _COLUMN.fullmatch(name):
            raise WorkbenchError(
                "request.invalid",
                "runs cannot be sorted by this",
                where="sort",
                seen=text[:200],
                allowed=f"{', '.join(Standing)}, {FORM}; with - in front for the largest first",
                remedy="GET /api/columns lists the columns that runs have.",
            )
        return cls(RunColumn.parse(name, "sort"), text != name)

    def __str__(self) -> str:
        return f"{'-' if self.down else ''}{self.by}"
