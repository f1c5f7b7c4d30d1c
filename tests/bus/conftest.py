"""A bench of its own on a real Valkey, taken over and open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.bus import scripts
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import run_id


def open_bench(bus: Bus, epoch: int = 1) -> None:
    """Do what the control plane does with a bus it does not know."""
    scripts.load_all(bus.client)
    assert bus.begin_epoch(epoch, run_id(bus.client)) is Verdict.OK
    assert bus.open_bench(epoch) is Verdict.OK


@pytest.fixture
def bus(bus_url: str, bench_name: str) -> Iterator[Bus]:
    bus = Bus(bus_url, bench_name, control=True)
    open_bench(bus)
    yield bus
    bus.close()
