"""A worker loses its network and returns late: its segment was taken over, and its results are refused.

Two workers run in their own network namespaces, each connected to this machine by a cable (a veth pair). The bus
listens only on this machine's ends of the cables, and a proxy there leads to the object store. One cable is pulled.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.status import JobStatus
from tests.faults.conftest import check_no_dangling_references, events_of
from tests.faults.extent import extent
from tests.faults.proxy import Proxy
from tests.live import LEASE_S, Diary, LiveDeployment, wait_for
from workbench.bus.bus import Bus
from workbench.bus.results import Lease, Verdict

ROUNDS = extent(5, 1)
REMEDY = "run it as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN, with iproute2 installed (`make fault-tools`)"


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Cable:
    """A network namespace and its cable to this machine: ``here`` is the address of this end."""

    def __init__(self, namespace: str, link: str, net: str) -> None:
        self.namespace, self.link = namespace, link
        self.here, self._there = f"{net}.1", f"{net}.2"
        self.within = ("ip", "netns", "exec", namespace)

    def lay(self) -> None:
        inside, n = f"{self.link}i", self.namespace
        ip("netns", "add", n)
        ip("link", "add", self.link, "type", "veth", "peer", "name", inside, "netns", n)
        ip("address", "add", f"{self.here}/30", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", n, "address", "add", f"{self._there}/30", "dev", inside)
        ip("-n", n, "link", "set", "lo", "up")
        ip("-n", n, "link", "set", inside, "up")

    def pull(self) -> None:
        ip("link", "set", self.link, "down")

    def plug_in(self) -> None:
        ip("link", "set", self.link, "up")

    def remove(self) -> None:
        for arguments in (("link", "delete", self.link), ("netns", "delete", self.namespace)):
            with contextlib.suppress(OSError):
                ip(*arguments)


@pytest.fixture(scope="module")
def cables() -> Iterator[list[Cable]]:
    """Two cables, in an address range that is never routed (RFC 2544)."""
    salt = secrets.token_hex(3)
    block = secrets.randbelow(250)
    laid = [Cable(f"wbt-{salt}-{i}", f"wbt{salt}{i}", f"198.19.{block + i}") for i in range(2)]
    try:
        try:
            for cable in laid:
                cable.lay()
        except OSError as error:
            pytest.skip(f"network namespaces are not permitted ({error}); {REMEDY}")
        yield laid
    finally:
        for cable in laid:
            cable.remove()


@pytest.fixture(scope="module")
def _deployment(
    tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], cables: list[Cable]
) -> Iterator[LiveDeployment]:
    deployment = LiveDeployment(tmp_path_factory.mktemp("faults"), s3, hosts=[cable.here for cable in cables])
    yield deployment
    deployment.stop()


def test_a_worker_that_reconnects_too_late_is_refused(
    _deployment: LiveDeployment, cables: list[Cable], s3: dict[str, str], diary: Diary, tmp_path: Path
) -> None:
    live = _deployment
    live.start_bus()
    live.control = live.start_role("control")
    live.await_ready(live.control)
    with contextlib.ExitStack() as stack:
        workers = []
        for index, cable in enumerate(cables):
            proxy = stack.enter_context(Proxy(s3["s3_url"], host=cable.here))
            reach = {
                "WORKBENCH_BUS_URL": live.settings.bus_url.replace(cables[0].here, cable.here),
                "WORKBENCH_S3_URL": proxy.url,
                "WORKBENCH_HOME": str(tmp_path / f"home-{index}"),
            }
            process = live.start_role("worker", within=cable.within, **reach)
            stack.callback(end, process)
            workers.append(process)
        names = [live.await_ready(process) for process in workers]
        networks = {Path(f"/proc/{pid}/ns/net").readlink() for pid in (os.getpid(), *(one.pid for one in workers))}
        assert len(networks) == 3
        for turn in range(ROUNDS):
            check_one_cut(live, cables, names, diary, str(turn))
        assert [process.poll() for process in workers] == [None, None], "a worker ended"


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check_one_cut(live: LiveDeployment, cables: list[Cable], names: list[str], diary: Diary, turn: str) -> None:
    bus: Bus = live.deployment.bus
    value = f"a{turn}"
    nodes = {
        "a": diary.probe(value, sleep_s=1.5 * LEASE_S, file_kib=200),
        "b": diary.probe(f"b{turn}", "probe.control"),
    }
    job = live.submit(nodes, [("a", "b")]).job
    started = live.await_event(job, "node.running", "a")
    cut = next(index for index, name in enumerate(names) if started.data["worker"].startswith(name))
    wait_for(lambda: diary.count(value) == 1)
    held = next(held for held in bus.leases() if held.job == job)
    lease = Lease(job, held.segment, held.value.split(b" ")[0].decode())
    wait_for(lambda: next(h.value for h in bus.leases() if h.job == job) != held.value, what="it sends a heartbeat")
    log_from = len(live.log())

    cables[cut].pull()
    try:
        # Nothing is reachable from inside its namespace now.
        reach = [
            "bash",
            "-c",
            f"exec 3<>/dev/tcp/{cables[cut].here}/{bus.client.connection_pool.connection_kwargs['port']}",
        ]
        assert subprocess.run(["timeout", "1", *cables[cut].within, *reach], capture_output=True).returncode != 0
        record = live.finish(job)
        assert record.status is JobStatus.COMPLETED
        assert diary.count(value) == 2, "the other worker ran the node again"
        time.sleep(LEASE_S)  # the disconnected worker has finished its node by now and keeps the result
        before = [event.model_dump() for event in live.deployment.events(job)]
    finally:
        cables[cut].plug_in()

    # It reconnects and presents its lease and result.
    gave_up = "segment lost"
    late = wait_for(
        lambda: [line for line in live.log()[log_from:].splitlines() if gave_up in line and names[cut] in line],
        what="the late worker gave up its segment",
    )
    assert len(late) == 1 and "FENCED" in late[0] and job in late[0]
    # A manual commit with its exact fence: the bus refuses it.
    assert bus.commit(lease, "a", b'{"output":{"text":"late"}}')[0] is not Verdict.OK

    record = live.deployment.job(job)
    assert [event.model_dump() for event in live.deployment.events(job)] == before, "the late worker added something"
    for source in (live.deployment.events(job), bus.events(job)):
        completed = [event for event in source if event.type.value == "node.completed"]
        assert sorted(event.node for event in completed) == ["a", "b"], "one event per node"
        doers = {event.node: event.data["worker"] for event in completed}
        assert doers["a"].startswith(names[1 - cut])
    assert record.node("a").worker.startswith(names[1 - cut]) and record.node("a").attempt == 2
    assert events_of(live, job, "node.retrying") == ["a"]
    output = record.node("a").output
    assert output is not None and output["text"] == value
    check_no_dangling_references(live, [record])
    assert bus.leases() == [] and diary.count(f"b{turn}") == 1
    # Afterwards it works normally again.
    wait_for(lambda: works_again(live, names[cut], diary, turn), 60, "the late worker takes jobs again")
    print(f"\nturn {turn}: worker {cut} disconnected; 2 executions, 1 node.completed a node, 1 late result refused")


def works_again(live: LiveDeployment, name: str, diary: Diary, turn: str) -> bool:
    record = live.run({"z": diary.probe(f"z{turn}", sleep_s=0.1)})
    return (record.node("z").worker or "").startswith(name)
