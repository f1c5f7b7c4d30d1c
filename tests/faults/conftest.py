"""A live bench for each module of faults: what one fault does to a server must not reach the next."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Diary, LiveBench


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="module")
def _bench(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str]) -> Iterator[LiveBench]:
    bench = LiveBench(tmp_path_factory.mktemp("faults"), s3)
    yield bench
    bench.stop()


@pytest.fixture
def live(_bench: LiveBench) -> LiveBench:
    _bench.ensure()
    return _bench


@pytest.fixture
def workers(live: LiveBench) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two data workers. A test that kills one puts another in its place; both go on to the next test."""
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
