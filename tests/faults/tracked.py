"""A live deployment whose control plane also feeds a real MLflow: import ``_deployment`` to count runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveDeployment


@pytest.fixture(scope="module")
def _deployment(
    tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], mlflow_url: str
) -> Iterator[LiveDeployment]:
    deployment = LiveDeployment(tmp_path_factory.mktemp("faults"), {**s3, "mlflow_url": mlflow_url})
    yield deployment
    deployment.stop()
