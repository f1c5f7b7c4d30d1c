"""The reaper uses its own clock and takes over only leases that did not change for a whole lease time."""

from __future__ import annotations

import pytest

from tests.bus.conftest import bus as bus
from tests.bus.driver import result_of
from tests.bus.test_leases import accept, take
from workbench.bus.bus import Bus
from workbench.bus.results import Verdict
from workbench.control.reaper import Reaper
from workbench.settings import Settings

pytestmark = pytest.mark.stack


@pytest.fixture
def reaper(bus: Bus) -> Reaper:
    return Reaper(Settings(bus_url=bus.url, namespace=bus.keys.namespace, lease_s=4))


def test_a_lease_without_heartbeats_is_taken_over_after_a_whole_lease_time(bus: Bus, reaper: Reaper) -> None:
    accept(bus)
    taken = take(bus)
    bus.renew(taken.lease)
    for now in range(100, 104):
        assert reaper.check(now) == []
    assert [held.worker for held in reaper.check(104)] == ["w"]
    assert bus.leases() == []
    assert take(bus, "heir").attempt == 2
    failure = next(event for event in bus.events("job") if event.type.value == "node.retrying").data
    assert failure["error"]["code"] == "node.worker_lost" and failure["error"]["details"]["worker"] == "w"


def test_a_lease_with_heartbeats_is_kept(bus: Bus, reaper: Reaper) -> None:
    accept(bus)
    taken = take(bus)
    for now in range(100, 120):
        assert bus.renew(taken.lease) is Verdict.OK
        assert reaper.check(now) == []
    assert bus.commit(taken.lease, "a", result_of("a"))[0] is Verdict.OK


def test_the_reaper_starts_over_after_a_gap_in_its_readings(bus: Bus, reaper: Reaper) -> None:
    accept(bus)
    take(bus)
    assert reaper.check(100) == []
    assert reaper.check(130) == [], "the reaper cannot know what happened in the gap"
    assert reaper.check(132) == []
    assert len(reaper.check(134)) == 1
