"""MLflow's addresses and the permission that each requires, read from the table ``routes.txt``."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import NamedTuple


class Kind(StrEnum):
    READ = "read"  # all users who may see MLflow
    LOG = "log"  # users who may submit jobs
    ADMIN = "admin"  # administrators: delete, restore, rename
    NEVER = "never"  # not available through the app


class Rule(NamedTuple):
    kind: Kind
    methods: frozenset[str]  # empty: any
    path: re.Pattern[str]


def kind_of(method: str, path: str) -> Kind | None:
    """The kind of a request, by its path relative to MLflow's own root; None if the path is not in the table.

    A path that is in the table with a different method is ``NEVER``. HEAD counts as GET.
    """
    wanted = "GET" if method == "HEAD" else method
    known = [rule for rule in rules() if rule.path.fullmatch(path)]
    # NEVER has priority: /issues/invoke also matches the pattern of an issue.
    fitting = [rule.kind for rule in known if not rule.methods or wanted in rule.methods]
    if Kind.NEVER in fitting:
        return Kind.NEVER
    return fitting[0] if fitting else (Kind.NEVER if known else None)


@cache
def rules() -> tuple[Rule, ...]:
    """The rules in the order of the table."""
    text = (resources.files("workbench.app.mlflow") / "routes.txt").read_text()
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(_rule(*line) for line in lines)


def _rule(kind: str, methods: str, path: str) -> Rule:
    parts = re.split(r"(\{x\*?\})", path)
    pattern = "".join({"{x}": "[^/]+", "{x*}": ".+"}.get(part) or re.escape(part) for part in parts)
    below = "" if path.startswith("/") else "/(?:ajax-)?api/"
    named = frozenset() if methods == "*" else frozenset(methods.split(","))
    return Rule(Kind(kind), named, re.compile(below + pattern))
