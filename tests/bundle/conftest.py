"""One finished run of probe services, and its bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.job import JobRecord
from tests.live import LiveDeployment
from workbench.client.bundles.export import export
from workbench.client.deployment import Deployment


@pytest.fixture
def made(live: LiveDeployment) -> JobRecord:
    """A run of two nodes; the first one made a file, and the second one read it."""
    return live.run(
        {
            "make": {"service": "probe.data", "params": {"file_kib": 3, "value": "made"}},
            "read": {"service": "probe.reader", "input": {"file": "$make.file"}},
        },
        [("make", "read")],
    )


@pytest.fixture
def bundle(live: LiveDeployment, made: JobRecord, tmp_path: Path) -> Path:
    target = tmp_path / "run.zip"
    export(live.deployment, made.id, target)
    return target


@pytest.fixture
def abroad(live: LiveDeployment, tmp_path: Path) -> Deployment:
    """The same servers seen from another home, which has another issuer and another cache."""
    return Deployment(live.settings.model_copy(update={"home": tmp_path / "abroad"}))
