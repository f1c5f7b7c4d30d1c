"""A live deployment for each module, so that one fault does not affect the tests of another module."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.job import JobRecord
from schemas.refs import Ref, refs_in
from tests.faults.proxy import Proxy
from tests.live import Diary, LiveDeployment, cancel_unfinished


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="module")
def _deployment(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str]) -> Iterator[LiveDeployment]:
    deployment = LiveDeployment(tmp_path_factory.mktemp("faults"), s3)
    yield deployment
    deployment.stop()


@dataclass
class Proxied:
    """A deployment that reaches its object store and MLflow through proxies; the test reaches them directly."""

    live: LiveDeployment
    objects: Proxy
    mlflow: Proxy
    mlflow_url: str


@pytest.fixture(scope="session")
def _proxied(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], mlflow_url: str) -> Iterator[Proxied]:
    with Proxy(s3["s3_url"]) as objects, Proxy(mlflow_url) as mlflow, Proxy(mlflow_url) as straight:
        deployment = LiveDeployment(tmp_path_factory.mktemp("proxied"), s3, WORKBENCH_MLFLOW_URL=mlflow.url)
        for role in ("control", "worker"):  # each plane has a home: files cross the store
            home = str(tmp_path_factory.mktemp(role))
            deployment.of_role[role] = {"WORKBENCH_S3_URL": objects.url, "WORKBENCH_HOME": home}
        yield Proxied(deployment, objects, mlflow, straight.url)
        deployment.stop()


@pytest.fixture
def proxied(_proxied: Proxied) -> Iterator[Proxied]:
    """The deployment with its roles repaired after the previous test; each test ends the faults of its proxies."""
    _proxied.live.ensure()
    yield _proxied
    cancel_unfinished(_proxied.live.deployment)


@pytest.fixture
def live(_deployment: LiveDeployment) -> Iterator[LiveDeployment]:
    _deployment.ensure()
    yield _deployment
    cancel_unfinished(_deployment.deployment)


@pytest.fixture
def workers(live: LiveDeployment) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two data workers. A test that kills one starts a replacement; both are reused by the next test."""
    assert live.worker is not None
    if live.standby is None or live.standby.poll() is not None:
        live.standby = live.start_role("worker")
    live.await_ready(live.standby)
    both = [live.worker, live.standby]
    yield both
    live.worker, live.standby = both


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


class Alive:
    """Records the processes of a deployment before a fault and checks later that they still run."""

    def __init__(self, live: LiveDeployment) -> None:
        assert live.control is not None and live.worker is not None
        self._live = live
        self.roles = {"control": live.control, "worker": live.worker}
        self.before = self._pids()

    def check(self) -> None:
        """Check that no role and no executor ended."""
        for name, process in self.roles.items():
            assert process.poll() is None, f"{name} ended with {process.poll()}: {self._live.log()[-3000:]}"
        assert self._pids() == self.before

    def _pids(self) -> dict[str, tuple[int, int]]:
        return {name: (process.pid, self._live.executor_of(process)) for name, process in self.roles.items()}


def references_of(records: Iterable[JobRecord]) -> list[Ref]:
    """All artifacts in the outputs of the jobs."""
    return [ref for record in records for node in record.nodes if node.output for ref in refs_in(node.output)]


def check_no_dangling_references(live: LiveDeployment, records: Iterable[JobRecord]) -> int:
    """Download and hash every artifact of the jobs; return their number."""
    named = references_of(records)
    for ref in named:
        data = live.deployment.objects.read(ref, limit_bytes=1 << 30)
        assert hashlib.sha256(data).hexdigest() == ref.sha256
        assert ref.size_bytes == len(data)
    return len(named)


def events_of(live: LiveDeployment, job: str, type_: str) -> list[str]:
    """The nodes of a job's events of one type, in order."""
    return [event.node for event in live.deployment.events(job) if event.type.value == type_]
