"""Which of MLflow's addresses there are, and what a person must be allowed for each: the table ``routes.txt``."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import NamedTuple


class Kind(StrEnum):
    READ = "read"  # everybody who may see MLflow
    LOG = "log"  # whoever may submit jobs
    ADMIN = "admin"  # deleting, restoring, renaming
    NEVER = "never"  # nobody through the app


class Rule(NamedTuple):
    kind: Kind
    methods: frozenset[str]  # empty: any
    path: re.Pattern[str]


def kind_of(method: str, path: str) -> Kind | None:
    """What a request is, by its path below MLflow's own root; None for one that is not in the table.

    A path that is in the table under another method is ``NEVER``. HEAD is what GET is.
    """
    asked = "GET" if method == "HEAD" else method
    known = [rule for rule in rules() if rule.path.fullmatch(path)]
    # Never comes first: /issues/invoke is no issue.
    fitting = [rule.kind for rule in known if not rule.methods or asked in rule.methods]
    if Kind.NEVER in fitting:
        return Kind.NEVER
    return fitting[0] if fitting else (Kind.NEVER if known else None)


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in its order."""
    text = (resources.files("workbench.app.mlflow") / "routes.txt").read_text()
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(_rule(*line) for line in lines)


def _rule(kind: str, methods: str, path: str) -> Rule:
    parts = re.split(r"(\{x\*?\})", path)
    pattern = "".join({"{x}": "[^/]+", "{x*}": ".+"}.get(part) or re.escape(part) for part in parts)
    below = "" if path.startswith("/") else "/(?:ajax-)?api/"
    named = frozenset() if methods == "*" else frozenset(methods.split(","))
    return Rule(Kind(kind), named, re.compile(below + pattern))
