"""One live bench for all tests of a session; each test finds it whole, whatever the last one killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Diary, LiveBench


@pytest.fixture(scope="session")
def _live(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str]) -> Iterator[LiveBench]:
    bench = LiveBench(tmp_path_factory.mktemp("live"), s3)
    yield bench
    bench.stop()


@pytest.fixture
def live(_live: LiveBench) -> LiveBench:
    _live.ensure()
    return _live


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")
