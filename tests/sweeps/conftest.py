"""A sweep over two probes, whose executions are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from schemas.sweep import SweepSpec
from tests.live import Diary
from tests.sweeps import probe_pipeline

Specs = Callable[..., SweepSpec]


@pytest.fixture(autouse=True)
def _pipeline() -> Iterator[None]:
    probe_pipeline.install()
    yield
    probe_pipeline.remove()


@pytest.fixture
def spec(diary: Diary) -> Specs:
    """Specs of the pipeline of two probes: words x values of the second one, or what else is given."""

    def made(words: list[str], seconds: list[str] | None = None, **more: Any) -> SweepSpec:
        axes: list[dict[str, Any]] = [{"param": "word", "values": words}]
        if seconds is not None:
            axes.append({"param": "second.value", "values": seconds})
        options = {"log": str(diary.path), **more.pop("options", {})}
        body = {"pipeline": probe_pipeline.NAME, "options": options, "axes": axes, **more}
        return SweepSpec.model_validate(body)

    return made
