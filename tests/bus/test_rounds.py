"""Collection removes unreferenced bytes in rounds; a worker never references bytes that a round may have removed."""

from __future__ import annotations

import pytest

from tests.bus.driver import planned, result_of
from tests.engine.graphs import document
from tests.live import wait_for
from workbench.bus.bus import Bus
from workbench.bus.results import Taken, Verdict

pytestmark = pytest.mark.stack
DIGEST, KEY = "d" * 64, "c" * 64


def taken(bus: Bus, job: str) -> Taken:
    assert bus.accept(planned(job, document({"a": "probe.cached"})), 1) is Verdict.OK
    found = bus.take("w", "", "data.cpu", block=False)
    assert found is not None and found.lease.job == job
    return found


def test_bytes_stored_before_a_round_are_referenced_only_after_a_new_check(bus: Bus) -> None:
    lease = taken(bus, "job").lease
    verdict, seen = bus.round()
    assert verdict is Verdict.OK
    verdict, opened = bus.open_round(30)
    assert verdict is Verdict.OK and opened != seen
    assert bus.round()[0] is Verdict.WAIT
    for mark in (seen, opened):
        assert bus.commit(lease, "a", result_of("a"), seen=mark)[0] is Verdict.ROUND
        assert bus.part(lease, "a", 0, b"{}", mark) is Verdict.ROUND
    assert bus.parts("job", "a") == []
    bus.close_round()
    assert bus.commit(lease, "a", result_of("a"), seen=seen)[0] is Verdict.ROUND, (
        "the bytes may have been removed since"
    )
    assert bus.round() == (Verdict.OK, opened)
    assert bus.part(lease, "a", 0, b"{}", opened) is Verdict.OK
    assert bus.commit(lease, "a", result_of("a"), seen=opened)[0] is Verdict.OK


def test_the_round_of_a_dead_collector_times_out(bus: Bus) -> None:
    assert bus.open_round(0.05)[0] is Verdict.OK
    wait_for(lambda: bus.round()[0] is Verdict.OK, 5, "the round is over")


def test_a_result_given_to_a_worker_is_referenced_until_it_is_committed(bus: Bus) -> None:
    bus.remember({KEY: b'{"output": {"file": {"sha256": "%s"}}}' % DIGEST.encode()})
    lease = taken(bus, "job").lease
    assert DIGEST not in bus.references.named(["job"])
    assert bus.claim(lease, "a", KEY)[0] is Verdict.KNOWN
    assert bus.references.results() == {KEY: {DIGEST}} and bus.references.withdraw([KEY]) == 1
    assert DIGEST in bus.references.named(["job"]), "its worker still uses it"
    assert bus.references.leased_jobs() == {"job"}
    assert bus.commit(lease, "a", result_of("a"))[0] is Verdict.OK
    assert DIGEST not in bus.references.named(["job"])
