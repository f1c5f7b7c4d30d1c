"""The Python of notebooks on a live bench."""

from __future__ import annotations

import pytest

from tests.live import LiveBench
from workbench.notebook.workbench import Workbench


@pytest.fixture
def wb(live: LiveBench) -> Workbench:
    return Workbench(live.settings)
