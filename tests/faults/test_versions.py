"""Fault 15: workers of different versions, and services that nobody offers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes import source
from nodes.sdk import DECLARED
from schemas.errors import WorkbenchError
from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment, sigkill, wait_for


@pytest.fixture
def older(live: LiveDeployment) -> Iterator[str]:
    """A second worker whose probe.data is of an older version; its name."""
    process = live.start_role("worker", WORKBENCH_NODE_MODULES="tests.engine.older_nodes")
    try:
        yield live.await_ready(process)
    finally:
        sigkill(process)


def test_a_node_goes_only_where_its_version_is(live: LiveDeployment, diary: Diary, older: str) -> None:
    jobs = [live.submit({"a": diary.probe(f"a{index}")}).job for index in range(12)]
    records = [live.finish(job) for job in jobs]
    assert [record.status for record in records] == [JobStatus.COMPLETED] * 12
    assert not [record.id for record in records if record.node("a").worker.startswith(older)]
    assert [record.node("a").attempt for record in records] == [1] * 12, "nobody tried in vain"


def test_a_service_that_nobody_offers_is_said_at_submit_and_on_the_job(live: LiveDeployment, diary: Diary) -> None:
    accepted = live.submit({"a": diary.probe("a"), "b": diary.probe("b", "probe.elsewhere")}, [("a", "b")])
    assert accepted.unserved == ("probe.elsewhere 1.0.0",)
    event = live.await_event(accepted.job, "node.waiting", "b")
    assert event.data["reason"] == "no_worker"
    assert event.data["services"] == ["probe.elsewhere 1.0.0"]
    wait_for(
        lambda: live.deployment.job(accepted.job).status is JobStatus.WAITING, what="the record says that it waits"
    )
    worker = live.start_role("worker", "--pool", "elsewhere")
    try:
        record = live.finish(accepted.job)
        assert record.status is JobStatus.COMPLETED
        assert (diary.count("a"), diary.count("b")) == (1, 1)
    finally:
        sigkill(worker)


def test_a_job_whose_version_left_waits_for_its_return(live: LiveDeployment, diary: Diary, older: str) -> None:
    assert live.worker is not None
    live.worker.terminate()  # it says that it leaves
    live.worker.wait(30)
    try:
        accepted = live.submit({"a": diary.probe("a")})
        live.await_event(accepted.job, "node.waiting", "a")
        assert diary.lines() == []
    finally:
        live.ensure()
    assert live.finish(accepted.job).status is JobStatus.COMPLETED


EDITED = """
import time
from pathlib import Path
from nodes.sdk import Context, Field, NodeModel, node

class Params(NodeModel):
    gate: str = Field("", description="Waits until this file is there.")
class Inputs(NodeModel): pass
class Outputs(NodeModel):
    text: str = Field(description="What the helper says.")

@node("probe.edited", version="1.0.0", plane="data", pool="edited")
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    from edited_words import WORD
    if params.gate:
        Path(params.gate).with_name("begun").touch()
    while params.gate and not Path(params.gate).exists():
        ctx.progress(0, 1)
        time.sleep(0.02)
    return Outputs(text=WORD)
"""


class Workshop:
    """A node and a helper of it in a folder, and a worker that serves it."""

    def __init__(self, folder: Path, live: LiveDeployment) -> None:
        self.helper = folder / "edited_words.py"
        self.live = live
        (folder / "edited_node.py").write_text(EDITED)
        self.write("WORD = 'one'")

    def write(self, text: str) -> None:
        """Edit the helper, and read it here as a program that is started now would."""
        self.helper.write_text(text + "\n")
        DECLARED.pop("probe.edited", None)
        sys.modules.pop("edited_node", None)
        source.find.cache_clear()
        importlib.import_module("edited_node")

    def run(self) -> tuple[str, bool]:
        """What the node answers, and whether that was known before."""
        record = self.live.run({"a": "probe.edited"})
        assert record.status is JobStatus.COMPLETED
        return (record.node("a").output or {})["text"], record.node("a").cached


@pytest.fixture
def workshop(live: LiveDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.syspath_prepend(tmp_path)
    shop = Workshop(tmp_path, live)
    worker = live.start_role(
        "worker", "--pool", "edited", PYTHONPATH=str(tmp_path), WORKBENCH_NODE_MODULES="edited_node"
    )
    try:
        live.await_ready(worker)
        yield shop
    finally:
        sigkill(worker)
        DECLARED.pop("probe.edited", None)
        sys.modules.pop("edited_node", None)


def test_nobody_gets_a_stale_result_after_editing_a_node(live: LiveDeployment, workshop: Workshop) -> None:
    assert (workshop.run(), workshop.run()) == (("one", False), ("one", True))
    gate = workshop.helper.with_name("gate")
    edited = live.submit({"a": {"service": "probe.edited", "params": {"gate": str(gate)}}}).job
    wait_for(gate.with_name("begun").exists, what="the node runs")
    workshop.helper.write_text("WORD = 'two'\n")
    gate.touch()
    assert live.finish(edited).node("a").content_key == "", "edited while it ran: nobody else is given that result"
    with pytest.raises(WorkbenchError) as caught:
        live.submit({"a": "probe.edited"})
    assert (caught.value.code, caught.value.where) == ("node.code_changed", "edited_words")
    workshop.write("WORD = 'two'")
    assert workshop.run() == ("two", False), "the worker has read the edit by itself"
    workshop.write("WORD =  'two'  # as before")
    assert workshop.run() == ("two", True), "a comment is no edit"
    # A job that waits while its node is edited is not run by the new code, and says what it waits for.
    live.deployment.bus.queues.hold_pool("data.edited", "test")
    workshop.write("WORD = 'three'")
    accepted = live.submit({"a": "probe.edited"})
    workshop.write("WORD = 'four'")
    live.deployment.bus.queues.resume_pool("data.edited")
    wait_for(
        lambda: any("has other code: " in str(event.data) for event in live.deployment.bus.events(accepted.job)),
        what="the job says that the worker has other code",
    )
    assert live.deployment.job(accepted.job).node("a").attempt in (0, 1)
    workshop.write("WORD = 'three'")
    record = live.finish(accepted.job)
    assert (record.node("a").output, record.node("a").attempt) == ({"text": "three"}, 1)
