"""The users of a bench: who may log in to its page and use its HTTP API, and as what."""

from __future__ import annotations

from workbench.client.bench import Bench
from workbench.store.users import Users


def users_of(bench: Bench) -> Users:
    """The users of a bench, to look at and to change. Whoever has the bench's settings is above every role."""
    return Users(bench.store.database)
