"""Workers of different versions, and services that no worker offers."""

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
    """Start a second worker with an older version of probe.data; yield its name."""
    process = live.start_role("worker", WORKBENCH_NODE_MODULES="tests.engine.older_nodes")
    try:
        yield live.await_ready(process)
    finally:
        sigkill(process)


def test_a_node_runs_only_on_a_worker_with_its_version(live: LiveDeployment, diary: Diary, older: str) -> None:
    jobs = [live.submit({"a": diary.probe(f"a{index}")}).job for index in range(12)]
    records = [live.finish(job) for job in jobs]
    assert [record.status for record in records] == [JobStatus.COMPLETED] * 12
    assert not [record.id for record in records if record.node("a").worker.startswith(older)]
    assert [record.node("a").attempt for record in records] == [1] * 12, "a worker tried in vain"


def test_a_missing_service_is_reported_at_submit_and_on_the_job(live: LiveDeployment, diary: Diary) -> None:
    accepted = live.submit({"a": diary.probe("a"), "b": diary.probe("b", "probe.elsewhere")}, [("a", "b")])
    assert accepted.unserved == ("probe.elsewhere 1.0.0",)
    event = live.await_event(accepted.job, "node.waiting", "b")
    assert event.data["reason"] == "no_worker"
    assert event.data["services"] == ["probe.elsewhere 1.0.0"]
    wait_for(
        lambda: live.deployment.job(accepted.job).status is JobStatus.WAITING, what="the record shows that it waits"
    )
    worker = live.start_role("worker", "--pool", "elsewhere")
    try:
        record = live.finish(accepted.job)
        assert record.status is JobStatus.COMPLETED
        assert (diary.count("a"), diary.count("b")) == (1, 1)
    finally:
        sigkill(worker)


def test_a_node_file_that_no_worker_has_loaded_is_reported_at_submit(
    live: LiveDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The author saved a file after the deployment had started."""
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "late_node.py"
    file.write_text(EDITED.replace("edited", "late"))
    (tmp_path / "late_words.py").write_text("WORD = 'late'\n")
    worker = live.start_role("worker", "--pool", "late")
    try:
        name = live.await_ready(worker)
        importlib.import_module("late_node")
        accepted = live.submit({"a": "probe.late"})
        (told,) = accepted.unserved
        assert told.startswith(f"probe.late 1.0.0 (this process knows it from {file}, but the running workers")
        assert name in told and "restart them" in told
        sigkill(worker)
        worker = live.start_role(
            "worker", "--pool", "late", PYTHONPATH=str(tmp_path), WORKBENCH_NODE_MODULES="late_node"
        )
        assert live.finish(accepted.job).status is JobStatus.COMPLETED
    finally:
        sigkill(worker)
        DECLARED.pop("probe.late", None)
        sys.modules.pop("late_node", None)


def test_a_job_waits_until_its_version_is_available_again(live: LiveDeployment, diary: Diary, older: str) -> None:
    assert live.worker is not None
    live.worker.terminate()  # it deregisters
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
    text: str = Field(description="The text from the helper.")

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


class EditableNode:
    """A folder with a node and its helper module, and a worker that serves the node."""

    def __init__(self, folder: Path, live: LiveDeployment) -> None:
        self.helper = folder / "edited_words.py"
        self.live = live
        (folder / "edited_node.py").write_text(EDITED)
        self.write("WORD = 'one'")

    def write(self, text: str) -> None:
        """Edit the helper and reload it here, as a newly started program would."""
        self.helper.write_text(text + "\n")
        DECLARED.pop("probe.edited", None)
        sys.modules.pop("edited_node", None)
        source.find.cache_clear()
        importlib.import_module("edited_node")

    def run(self) -> tuple[str, bool]:
        """Run the node; return its output and whether it was a cache hit."""
        record = self.live.run({"a": "probe.edited"})
        assert record.status is JobStatus.COMPLETED
        return (record.node("a").output or {})["text"], record.node("a").cached


@pytest.fixture
def editable_node(live: LiveDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EditableNode]:
    monkeypatch.syspath_prepend(tmp_path)
    shop = EditableNode(tmp_path, live)
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


def test_no_job_gets_a_stale_result_after_a_node_is_edited(live: LiveDeployment, editable_node: EditableNode) -> None:
    assert (editable_node.run(), editable_node.run()) == (("one", False), ("one", True))
    gate = editable_node.helper.with_name("gate")
    edited = live.submit({"a": {"service": "probe.edited", "params": {"gate": str(gate)}}}).job
    wait_for(gate.with_name("begun").exists, what="the node runs")
    editable_node.helper.write_text("WORD = 'two'\n")
    gate.touch()
    assert live.finish(edited).node("a").content_key == "", "a node edited while it ran must not fill the cache"
    with pytest.raises(WorkbenchError) as caught:
        live.submit({"a": "probe.edited"})
    assert (caught.value.code, caught.value.where) == ("node.code_changed", "edited_words")
    editable_node.write("WORD = 'two'")
    assert editable_node.run() == ("two", False), "the worker did not reload the edit"
    editable_node.write("WORD =  'two'  # as before")
    assert editable_node.run() == ("two", True), "a comment counted as an edit"
    # A job that waits while its node is edited does not run with the new code, and says what it waits for.
    live.deployment.bus.queues.hold_pool("data.edited", "test")
    editable_node.write("WORD = 'three'")
    accepted = live.submit({"a": "probe.edited"})
    editable_node.write("WORD = 'four'")
    live.deployment.bus.queues.resume_pool("data.edited")
    wait_for(
        lambda: any("has other code: " in str(event.data) for event in live.deployment.bus.events(accepted.job)),
        what="the job reports that the worker has other code",
    )
    assert live.deployment.job(accepted.job).node("a").attempt in (0, 1)
    editable_node.write("WORD = 'three'")
    record = live.finish(accepted.job)
    assert (record.node("a").output, record.node("a").attempt) == ({"text": "three"}, 1)
