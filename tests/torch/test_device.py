"""The choice of device and precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nodes._torch.device import choose, measured
from nodes._torch.on_device import OnDevice
from nodes.local import local_context
from schemas.errors import WorkbenchError


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(WorkbenchError) as raised:
        choose(OnDevice(device="cuda:9"))
    assert raised.value.allowed.startswith("auto, cpu")


def test_on_a_cpu_the_precision_is_single_unless_asked_for() -> None:
    assert choose(OnDevice(device="cpu")).dtype == torch.float32
    assert choose(OnDevice(device="cpu", dtype="bfloat16")).dtype == torch.bfloat16


def test_time_and_memory_are_recorded(tmp_path: Path) -> None:
    ctx = local_context(tmp_path)
    with measured(ctx, torch.device("cpu")):
        torch.zeros(10, 10).sum()
    assert ctx.host.metrics["device_s"] > 0
    assert ctx.host.metrics["peak_memory_gib"] > 0.05
