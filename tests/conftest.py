"""Real servers shared by all tests of a session; a fresh namespace for each test."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kept import KEPT
from tests.leftovers import leave_nothing_running
from tests.live import Diary, LiveDeployment, cancel_unfinished
from tests.sharing import FAMILIES, ByFamily, family_of
from tests.stack.servers import running_servers
from workbench.client.deployment import Deployment
from workbench.store.consents import Chosen

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background (nohup, many CI runners) inherits SIGINT ignored, and would hand that on to every process
    # that a test starts and interrupts. A handler that does nothing keeps it from this process alone.
    signal.signal(signal.SIGINT, lambda *_: None)


def pytest_sessionstart() -> None:
    leave_nothing_running()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: list(FAMILIES).index(family_of(item.nodeid)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    try:
        return (yield)
    finally:
        if nextitem is None or family_of(nextitem.nodeid) != family_of(item.nodeid):
            KEPT.end()


def pytest_sessionfinish() -> None:
    KEPT.end()  # where the run was interrupted


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFamily:
    return ByFamily(config, log)


@pytest.fixture(scope="session")
def bus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Valkey, password in it. Use ``namespace`` for keys of your own."""
    with running_servers(tmp_path_factory.mktemp("bus"), only=("bus",)) as settings:
        yield settings.bus_url


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real S3 server: ``s3_url``, ``s3_access_key``, ``s3_secret_key``; the bucket ``workbench`` is there."""
    with running_servers(tmp_path_factory.mktemp("objects"), only=("objects",)) as settings:
        yield {name: getattr(settings, name) for name in ("s3_url", "s3_access_key", "s3_secret_key")}


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real MLflow server with artifacts in a folder of its own; 10-15 s at first use."""
    with running_servers(tmp_path_factory.mktemp("mlflow"), only=("mlflow",)) as settings:
        yield settings.mlflow_url


@pytest.fixture(scope="session")
def _live(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str]) -> Iterator[LiveDeployment]:
    deployment = LiveDeployment(tmp_path_factory.mktemp("live"), s3)
    yield deployment
    deployment.stop()


@pytest.fixture
def live(_live: LiveDeployment) -> Iterator[LiveDeployment]:
    """One live deployment for all tests of a session; each test gets it repaired and without jobs of the last test."""
    _live.ensure()
    yield _live
    cancel_unfinished(_live.deployment)


@pytest.fixture
def strict(live: LiveDeployment) -> Iterator[Deployment]:
    """The live deployment without WORKBENCH_CONSENT."""
    deployment = Deployment(live.settings.model_copy(update={"consent": ""}))
    yield deployment
    for one in deployment.consents.listed():
        deployment.consents.drop(Chosen(name=one.name))
    deployment.close()


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")
