"""A live bench whose control plane also feeds a real MLflow: import ``_bench`` where runs are to be counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveBench


@pytest.fixture(scope="module")
def _bench(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], mlflow_url: str) -> Iterator[LiveBench]:
    bench = LiveBench(tmp_path_factory.mktemp("faults"), {**s3, "mlflow_url": mlflow_url})
    yield bench
    bench.stop()
