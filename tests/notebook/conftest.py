"""The notebook's Python API with a live deployment."""

from __future__ import annotations

import pytest

from tests.live import LiveDeployment
from workbench.notebook.workbench import Workbench


@pytest.fixture
def wb(live: LiveDeployment) -> Workbench:
    return Workbench(live.settings)
