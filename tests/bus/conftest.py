"""A fresh, open deployment on a real Valkey server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.connection import run_id
from workbench.bus.results import Verdict


def open_deployment(bus: Bus, epoch: int = 1) -> None:
    """Open a deployment, as the control plane does with a new bus."""
    scripts.load_all(bus.client)
    assert bus.begin_epoch(epoch, run_id(bus.client)) is Verdict.OK
    assert bus.open_deployment(epoch) is Verdict.OK


@pytest.fixture
def bus(bus_url: str, namespace: str) -> Iterator[Bus]:
    bus = Bus(bus_url, namespace, control=True)
    open_deployment(bus)
    yield bus
    bus.close()
