"""All keys of a deployment are in one slot of a cluster; two deployments share a bus without interference."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from tests.bus.conftest import open_deployment
from tests.bus.driver import Driver, planned, result_of
from tests.bus.test_leases import CHAIN, take
from tests.engine.graphs import document
from tests.live import wait_for
from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.keys import Keys
from workbench.bus.results import Lease, Offer, Verdict
from workbench.embedded.servers import bus_server
from workbench.settings import Settings

pytestmark = pytest.mark.stack


def run_every_operation(bus: Bus) -> None:
    """Run each operation on the bus at least once, so that each key is created."""
    raw = document({"a": "probe.data", "b": "probe.control", "c": "probe.elsewhere"}, [("a", "b"), ("a", "c")])
    assert bus.accept(planned("whole", raw), 1) is Verdict.OK
    Driver(bus, {"b": False}).finish()
    one = document({"a": "probe.data"})
    taken = {}
    for job in ("first", "second", "third", "fourth"):
        assert bus.accept(planned(job, one), 1) is Verdict.OK
        offer = Offer("all", bus.queues.needs([(job, "0")])[0])
        found = bus.take(job, "", "data.cpu", offer=offer, block=False)
        assert found is not None
        taken[job] = found.lease
    first, second, third, fourth = taken.values()
    assert bus.claim(first, "a", "k" * 64)[0] is Verdict.OK
    assert bus.claim(second, "a", "k" * 64)[0] is Verdict.PARKED
    bus.part(first, "a", 0, b"{}")
    bus.renew(first, {"a": b"{}"})
    bus.fail(third, "a", b"{}", retry=True, delay_s=60)
    bus.release(fourth)
    bus.unserved("fourth", "0", b"{}")
    bus.announce("worker", b"{}", 5)
    bus.queues.hold_pool("data.cpu", "test")


def finish_every_operation(bus: Bus) -> None:
    """Run the operations that empty the keys of ``run_every_operation``."""
    bus.queues.resume_pool("data.cpu")
    first = next(held for held in bus.leases() if held.job == "first")
    assert bus.expire(first, b"{}") is Verdict.RETRY
    assert bus.wake("third", "0") is Verdict.OK
    assert bus.cancel("first") is Verdict.OK  # the second job takes over its claim
    assert bus.begin_epoch(2, "another") is Verdict.OK
    assert bus.settle("second", [("a", "completed", result_of("a"), "k" * 64)]) == 1
    assert bus.forget("third") is Verdict.OK
    assert bus.begin_grace(2) is Verdict.OK
    assert bus.adopt(Lease("fourth", "0", "1:9"), "w", {}, claims={"a": "l" * 64})[0] is Verdict.OK
    assert bus.open_deployment(2) is Verdict.OK
    assert bus.requeue("fourth", ["0"]) == 0
    bus.confirm(bus.outbox("")[-1].id, ["whole"])
    bus.leave("worker")


def test_every_key_is_in_the_slot_of_the_deployment(bus: Bus) -> None:
    before = set(bus.client.scan_iter(count=1000))
    run_every_operation(bus)
    touched = set(bus.client.scan_iter(count=1000)) - before | set(bus.client.scan_iter(f"{bus.keys.prefix}*"))
    kinds = {key.decode().split(":")[1] for key in touched}
    wanted = {"meta", "leases", "outbox", "job", "events", "progress", "queue", "wake", "fence", "granted", "flights"}
    assert kinds >= wanted | {"waiters", "delayed", "held", "pools", "offers", "workers", "worker"}
    assert {key_slot(key) for key in touched} == {key_slot(bus.keys.prefix.encode())}
    assert all(key.startswith(bus.keys.prefix.encode() + b":") for key in touched)
    finish_every_operation(bus)


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    """A real server in cluster mode with all slots: it refuses a script that uses another slot."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1] % 20000 + 20000  # the cluster uses a second port, 10,000 higher
    settings = Settings(home=tmp_path, bus_url="")
    (tmp_path / "bus").mkdir()
    binary = bus_server(tmp_path, settings, port, "x").argv[0]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--save", ""]
    process = subprocess.Popen([binary, *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}"
    client = redis.Redis.from_url(url)
    try:
        wait_for(lambda: answers(client), what="the server is up")
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), what="the cluster is up")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_a_cluster_accepts_every_script(cluster_url: str) -> None:
    client = redis.Redis.from_url(cluster_url)
    with pytest.raises(redis.ResponseError, match="slot"):  # the server does check
        client.eval("#!lua\nredis.call('SET', 'a', 1); redis.call('SET', 'b', 1)", 0)
    bus = Bus(cluster_url, "clustered", control=True)
    open_deployment(bus)
    run_every_operation(bus)
    finish_every_operation(bus)
    bus.close()


def test_python_and_lua_build_the_same_keys(bus: Bus) -> None:
    assert bus.accept(planned("job", CHAIN), 1) is Verdict.OK
    taken = take(bus)
    bus.renew(taken.lease, {"a": b"{}"})
    bus.release(taken.lease)
    keys = bus.keys
    named = [keys.meta, keys.outbox, keys.fence, keys.job("job"), keys.events("job"), keys.progress("job")]
    named += [keys.queue("data.cpu", "front"), keys.wake("data.cpu")]
    assert [name for name in named if not bus.client.exists(name)] == []


def test_deployments_do_not_see_each_other(bus: Bus) -> None:
    other = Bus(bus.url, bus.keys.namespace + "-2", control=True)
    open_deployment(other)
    assert bus.accept(planned("job", CHAIN), 1) is Verdict.OK
    assert other.take("w", "", "data.cpu", block=False) is None
    assert not other.knows("job")
    assert other.cancel("job") is Verdict.UNKNOWN


def test_every_script_has_a_caller() -> None:
    text = "".join(path.read_text() for path in Path(scripts.__file__).parent.glob("*.py"))
    assert [name for name in scripts.names() if f'"{name}"' not in text] == []
    assert Keys("b").prefix == "{b}"
