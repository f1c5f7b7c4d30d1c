"""A process is killed at part 7 of 10 of a long output: parts 1 to 6 are kept, and the result is byte-identical."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.refs import TextRef
from tests.faults.counts import completed_once
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.fields import NodeField

pytestmark = pytest.mark.timeout(300)
PARTS, KEPT = 10, 6


def long_output(diary: Diary, part_s: float) -> dict[str, Any]:
    return {"n": diary.probe("whole", parts=PARTS, part_s=part_s)}


def content(live: LiveDeployment, record: JobRecord) -> bytes:
    output = record.node("n").output
    assert output is not None
    return live.deployment.open(TextRef.model_validate(output["file"])).read_bytes()


def parts_on_bus(live: LiveDeployment, job: str) -> int:
    raw = live.deployment.bus.client.hget(live.deployment.bus.keys.job(job), NodeField.PARTS.of("n"))
    return int(raw or 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("whole_worker", [False, True], ids=["executor", "worker"])
def test_finished_parts_are_not_produced_again(live: LiveDeployment, diary: Diary, whole_worker: bool) -> None:
    assert live.worker is not None
    undisturbed = content(live, completed_once(live, live.submit(long_output(diary, 0.0)).job))
    diary.path.write_text("")

    job = live.submit(long_output(diary, 0.5)).job
    wait_for(lambda: parts_on_bus(live, job) == KEPT, what=f"{KEPT} parts are finished, the next is in progress")
    assert diary.lines() == ["whole", *(f"part-{index}" for index in range(KEPT))]
    if whole_worker:
        sigkill(live.worker)
        live.ensure()
    else:
        os.kill(live.executor_of(live.worker), signal.SIGKILL)
    record = completed_once(live, job)
    made = [line for line in diary.lines() if line.startswith("part-")]
    print(f"killed at part {KEPT + 1} of {PARTS}: made {made}; {len(undisturbed)} bytes, the same")
    assert record.node("n").attempt == 2 and diary.count("whole") == 2, "the fault had no effect"
    assert [made.count(f"part-{index}") for index in range(KEPT)] == [1] * KEPT
    assert made.count(f"part-{KEPT}") <= 2
    assert [made.count(f"part-{index}") for index in range(KEPT + 1, PARTS)] == [1] * (PARTS - KEPT - 1)
    assert content(live, record) == undisturbed == b"".join(b"part %d\n" % index for index in range(PARTS))
