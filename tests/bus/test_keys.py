"""All keys of a bench live in one slot of a cluster; two benches share a bus without seeing each other."""

from __future__ import annotations

import pytest
from redis.crc import key_slot

from tests.bus.conftest import open_bench
from tests.bus.driver import Driver, planned, result_of
from tests.bus.test_leases import CHAIN, take
from tests.engine.graphs import document
from workbench.bus import scripts
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.bus.keys import Keys

pytestmark = pytest.mark.stack


def test_every_key_is_in_the_slot_of_the_bench(bus: Bus) -> None:
    before = set(bus.client.scan_iter(count=1000))
    raw = document({"a": "probe.data", "b": "probe.control", "c": "probe.elsewhere"}, [("a", "b"), ("a", "c")])
    assert bus.accept(planned("whole", raw), 1) is Verdict.OK
    Driver(bus, {"b": False}).finish()
    assert bus.accept(planned("half", CHAIN), 1) is Verdict.OK
    taken = take(bus, "half-done")
    bus.part(taken.lease, "a", 0, b"{}")
    bus.renew(taken.lease, {"a": b"{}"})
    bus.commit(taken.lease, "a", result_of("a"), content_key="k" * 64)
    bus.announce("worker", b"{}", 5)
    touched = set(bus.client.scan_iter(count=1000)) - before | set(bus.client.scan_iter(f"{bus.keys.prefix}*"))
    assert len(touched) > 12
    assert {key_slot(key) for key in touched} == {key_slot(bus.keys.prefix.encode())}
    assert all(key.startswith(bus.keys.prefix.encode() + b":") for key in touched)


def test_python_and_lua_name_keys_alike(bus: Bus) -> None:
    assert bus.accept(planned("job", CHAIN), 1) is Verdict.OK
    taken = take(bus)
    bus.renew(taken.lease, {"a": b"{}"})
    bus.release(taken.lease)
    keys = bus.keys
    named = [keys.meta, keys.outbox, keys.fence, keys.job("job"), keys.events("job"), keys.progress("job")]
    named += [keys.queue("data.cpu", "front"), keys.wake("data.cpu")]
    assert [name for name in named if not bus.client.exists(name)] == []


def test_benches_do_not_see_each_other(bus: Bus) -> None:
    other = Bus(bus.url, bus.keys.bench + "-2", control=True)
    open_bench(other)
    assert bus.accept(planned("job", CHAIN), 1) is Verdict.OK
    assert other.take("w", "", "data.cpu", block=False) is None
    assert not other.knows("job")
    assert other.cancel("job") is Verdict.UNKNOWN


def test_every_script_has_a_caller() -> None:
    from pathlib import Path

    import workbench.bus.bus as module

    text = Path(module.__file__).read_text()
    assert [name for name in scripts.names() if f'"{name}"' not in text] == []
    assert Keys("b").prefix == "{b}"
