"""A whole deployment of real processes that a test may kill: Valkey, a control plane, data workers, SQL, objects."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

from schemas.errors import WorkbenchError
from schemas.event import Event
from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.consent import STATED
from tests.engine.graphs import document
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Phase
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.embedded.part import START_TIMEOUT_S
from workbench.embedded.servers import bus_server
from workbench.engine.accept import Accepted, Request
from workbench.host import python_module, this_host
from workbench.settings import Settings
from workbench.store.listing import JobFilter

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
LEASE_S = 2.0
HOST = this_host()  # made before any fork


def wait_for(condition: Callable[[], T | None], timeout_s: float = 120.0, what: str = "") -> T:
    """Wait for the first true value of the condition; an unreachable bus counts as false."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            value = condition()
        except BUS_UNREACHABLE:
            value = None
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not come true within {timeout_s:g} s: {what or condition}")


def cancel_unfinished(deployment: Deployment) -> None:
    """Cancel the unfinished jobs of a test, so that they do not occupy the only worker in later tests."""
    states = [status for status in JobStatus if not status.final]
    for job in deployment.store.list(JobFilter(status=states, limit=1000)).jobs:
        try:
            deployment.cancel(job.id)
        except WorkbenchError as error:
            if error.code != "bus.unreachable":  # a test may have ended the bus
                raise


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _die_with_the_tests() -> None:
    """Runs in the child: a killed test run must not leave servers running."""
    os.setsid()
    HOST.signal_with_parent(signal.SIGKILL)


def sigkill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


class LiveDeployment:
    """Everything in one folder. ``ensure`` starts what is not running; a test kills what it likes.

    Args:
        hosts: addresses the bus listens on; the deployment's own clients use the first.
        given: WORKBENCH_* variables of all roles and of the deployment's own client, over the usual ones.

    Attributes:
        of_role: variables of one part alone, by "bus", "control" and "worker": read when that part is started.
    """

    def __init__(self, home: Path, s3: Mapping[str, str], hosts: Sequence[str] = ("127.0.0.1",), **given: str) -> None:
        self.home = home
        port, password = free_port(hosts[0]), secrets.token_hex(8)
        self.environment = {
            "WORKBENCH_HOME": str(home),
            "WORKBENCH_NAMESPACE": f"live-{secrets.token_hex(4)}",
            "WORKBENCH_BUS_URL": f"redis://:{password}@{hosts[0]}:{port}",
            "WORKBENCH_SQL_URL": f"sqlite:///{home}/jobs.db",
            "WORKBENCH_LEASE_S": str(LEASE_S),
            "WORKBENCH_NODE_MODULES": "tests.engine.probe_nodes",
            "PYTHONPATH": str(ROOT),  # executors do not look into the current folder
            "WORKBENCH_CONTROL_SLOTS": "1",
            **STATED,
            **{f"WORKBENCH_{name.upper()}": value for name, value in s3.items()},
            **given,
        }
        self.of_role: dict[str, dict[str, str]] = {"bus": {}, "control": {}, "worker": {}}
        fields = {name.removeprefix("WORKBENCH_").lower(): value for name, value in self.environment.items()}
        self.settings = Settings(**{name: value for name, value in fields.items() if name in Settings.model_fields})
        (home / "bus").mkdir(parents=True)
        self.folder = home / "comfyui"  # roles are started in it; nothing of it may reach them
        for name in ("nodes.py", "schemas/__init__.py"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text("raise RuntimeError('imported from the current folder')")
        self._bus_argv = [*bus_server(home, self.settings, port, password).argv, "--bind", *hosts]
        self._logs = (home / "parts.log").open("ab")
        self.bus_process: subprocess.Popen[bytes] | None = None
        self.control: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.standby: subprocess.Popen[bytes] | None = None  # a second worker, where a test wants one
        self.deployment = Deployment(self.settings)

    # -- processes --------------------------------------------------------------------------------------------------

    def start_bus(self) -> None:
        self.bus_process = self._start(self._bus_argv, cwd=self.home / "bus", **self.of_role["bus"])
        probe = Bus(self.settings.bus_url, self.settings.namespace, control=True)
        wait_for(lambda: probe.client.ping() is not None, START_TIMEOUT_S, "the bus is up")
        probe.close()

    def start_role(self, *arguments: str, within: Sequence[str] = (), **more: str) -> subprocess.Popen[bytes]:
        """``within`` is a command that runs another one, such as ``ip netns exec NAME``."""
        argv = [*within, *python_module("workbench.cli.main", *arguments)]
        return self._start(argv, cwd=self.folder, **{**self.of_role[arguments[0]], **more})

    def _start(self, argv: Sequence[str], cwd: Path, **more: str) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        clean.pop("PYTHONDONTWRITEBYTECODE", None)  # processes start by the dozen here: compiling took two thirds of it
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env={**clean, **self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=self._logs,
            stderr=self._logs,
            preexec_fn=_die_with_the_tests,
        )

    def ensure(self) -> None:
        """Wait until everything is ready; restart what a test killed."""
        if self.bus_process is None or self.bus_process.poll() is not None:
            self.start_bus()
        if self.control is None or self.control.poll() is not None:
            self.control = self.start_role("control")
        if self.worker is None or self.worker.poll() is not None:
            self.worker = self.start_role("worker")
        for process in (self.control, self.worker):
            self.await_ready(process)

    def await_ready(self, process: subprocess.Popen[bytes]) -> str:
        """The worker name of a role, once it announced itself on an open deployment."""

        def name() -> str | None:
            assert process.poll() is None, f"{process.args!r} ended: {self.log()[-3000:]}"
            if self.deployment.bus.marker().phase is not Phase.OPEN:
                return None
            found = self.deployment.bus.queues.workers()
            return next((name for name, raw in found.items() if b'"pid":%d,' % process.pid in raw), None)

        return wait_for(name, START_TIMEOUT_S, f"{process.args!r} is ready")

    def executor_of(self, process: subprocess.Popen[bytes]) -> int:
        """Pid of a role's executor child."""
        children = psutil.Process(process.pid).children(recursive=True)
        return next(int(child.pid) for child in children if "workbench.engine.executor" in child.cmdline())

    def stop(self) -> None:
        roles = [process for process in (self.worker, self.standby, self.control) if process is not None]
        for process in roles:
            process.send_signal(signal.SIGTERM)
        for process in (*roles, self.bus_process):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    sigkill(process)
        self._logs.close()

    def log(self) -> str:
        return (self.home / "parts.log").read_text(errors="replace")

    # -- jobs -------------------------------------------------------------------------------------------------------

    def submit(
        self,
        nodes: Mapping[str, str | dict[str, Any]],
        edges: Sequence[tuple[str, ...]] = (),
        key: str | None = None,
        **fields: Any,
    ) -> Accepted:
        return submit_graph(self.deployment, Request(document(nodes, edges, **fields), key=key))

    def finish(self, job: str, timeout_s: float = 120.0) -> JobRecord:
        """Wait until SQL has the end of the job; return its record."""

        def final() -> JobRecord | None:
            record = self.deployment.job(job)
            return record if record.status.final else None

        return wait_for(final, timeout_s, f"job {job} is final")

    def run(self, nodes: Mapping[str, str | dict[str, Any]], edges: Sequence[tuple[str, ...]] = ()) -> JobRecord:
        return self.finish(self.submit(nodes, edges).job)

    def await_event(self, job: str, type_: str, node: str = "", count: int = 1) -> Event:
        """The count-th event of that type."""

        def found() -> Event | None:
            hits = [e for e in self.deployment.bus.events(job) if (e.type.value, e.node) == (type_, node)]
            return hits[count - 1] if len(hits) >= count else None

        return wait_for(found, what=f"{type_} {node}")


class Diary:
    """The file into which probes write a line for each execution and each part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self) -> list[str]:
        return [line.split(" ")[0] for line in self.path.read_text().splitlines()]

    def count(self, value: str) -> int:
        return self.lines().count(value)

    def probe(self, value: str, service: str = "probe.data", **params: Any) -> dict[str, Any]:
        """A node that writes into this diary."""
        return {"service": service, "params": {"value": value, "log": str(self.path), **params}}
