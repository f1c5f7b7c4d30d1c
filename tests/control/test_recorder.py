"""Unwritable events are set aside, all others are recorded, and an unreachable database loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from schemas.event import Event
from tests.bus.conftest import bus as bus
from tests.bus.test_leases import accept
from workbench.bus.bus import Bus
from workbench.control.recorder import Recorder
from workbench.settings import Settings
from workbench.store.jobs import JobStore

pytestmark = pytest.mark.stack


class DefectiveStore(JobStore):
    """A real store that fails on one kind of event, as with a defect in its code."""

    away = False

    def apply(self, batch: Sequence[Event]) -> None:
        if self.away:
            raise WorkbenchError("sql.unreachable", "the database is away")
        if any(event.type == "node.cancelled" for event in batch):
            raise TypeError("this event makes no sense to me")
        super().apply(batch)


@pytest.fixture
def store(tmp_path: Path) -> DefectiveStore:
    return DefectiveStore(JobStore.open(Settings(sql_url=f"sqlite:///{tmp_path}/jobs.sqlite3")).database)


@pytest.fixture
def recorder(bus: Bus, store: DefectiveStore) -> Recorder:
    return Recorder(Settings(bus_url=bus.url, namespace=bus.keys.namespace), store)


def test_an_event_that_cannot_be_recorded_is_set_aside_without_blocking_others(bus: Bus, recorder: Recorder) -> None:
    accept(bus)
    bus.cancel("job")
    kinds = [entry.event.type.value for entry in bus.outbox("")]
    assert kinds.count("node.cancelled") > 0 and kinds[-1] == "job.cancelled"
    recorder.step()
    assert bus.outbox("") == []
    kept = bus.client.xrange(bus.keys.set_aside)
    assert len(kept) == kinds.count("node.cancelled")
    assert {Event.model_validate_json(fields[b"event"]).type.value for _, fields in kept} == {"node.cancelled"}


def test_the_outbox_keeps_everything_while_the_database_is_unreachable(
    bus: Bus, store: DefectiveStore, recorder: Recorder
) -> None:
    accept(bus)
    before = [entry.id for entry in bus.outbox("")]
    store.away = True
    with pytest.raises(WorkbenchError):
        recorder.step()
    assert [entry.id for entry in bus.outbox("")] == before
    store.away = False
    recorder.step()
    assert bus.outbox("") == []
