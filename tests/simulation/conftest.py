"""One SQL file for all worlds of a session; each world has a deployment of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.simulation.world import LEASE_S, World
from workbench.settings import Settings
from workbench.store.jobs import JobStore

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def new_world(tmp_path_factory: pytest.TempPathFactory, bus_url: str) -> Iterator[Callable[[], World]]:
    """Makes a world; the caller closes it."""
    home = tmp_path_factory.mktemp("simulation")
    fields = {"home": home, "bus_url": bus_url, "sql_url": f"sqlite:///{home}/jobs.db", "lease_s": LEASE_S}
    store = JobStore.open(Settings(**fields))
    yield lambda: World(Settings(**fields, namespace=f"s-{next(_NUMBERS)}"), store)
    store.close()
