"""Jobs on a live deployment: both planes, branches, joins, retries, timeouts and cancellation."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from schemas.event import Progress
from schemas.job import JobRecord
from schemas.status import JobStatus, NodeStatus
from tests.live import LEASE_S, Diary, LiveDeployment, wait_for
from workbench.host import python_module

pytestmark = pytest.mark.stack


def states(record: JobRecord) -> dict[str, str]:
    return {node.id: node.status.value for node in record.nodes}


def text(record: JobRecord, node: str) -> str:
    output = record.node(node).output
    assert output is not None
    return str(output["text"])


def test_a_chain_runs_over_both_planes(live: LiveDeployment, diary: Diary) -> None:
    nodes = {
        "a": diary.probe("a", "probe.control"),
        "b": diary.probe("b"),
        "c": diary.probe("c"),
        "d": diary.probe("d", "probe.control"),
    }
    record = live.run(nodes, [("a", "b"), ("b", "c"), ("c", "d")])
    assert record.status is JobStatus.COMPLETED
    assert text(record, "d") == "dcba"
    assert diary.lines() == ["a", "b", "c", "d"]
    assert [node.attempt for node in record.nodes] == [1] * 4
    assert record.node("b").worker == record.node("c").worker != record.node("d").worker
    assert record.node("b").metrics == {"length": 2.0}
    assert record.error is None and record.finished_at is not None and record.started_at is not None


def test_a_join_gets_inputs_from_its_branches_by_name(live: LiveDeployment, diary: Diary) -> None:
    nodes = {
        "left": diary.probe("l"),
        "right": diary.probe("r", "probe.control"),
        "join": {**diary.probe("j", "probe.control"), "input": {"text": "$right.text"}},
    }
    record = live.run(nodes, [("left", "join"), ("right", "join")])
    assert text(record, "join") == "jr"
    assert sorted(diary.lines()) == ["j", "l", "r"]


def test_a_join_uses_the_output_of_either_branch(live: LiveDeployment, diary: Diary) -> None:
    for bad, expected in ((True, "jx"), (False, "ja")):
        nodes = {
            "a": diary.probe("a", bad_input=bad),
            "rescue": diary.probe("x", "probe.control"),
            "join": {**diary.probe("j"), "input": {"text": ["$a.text", "$rescue.text"]}},
        }
        record = live.run(nodes, [("a", "rescue", "on_failure"), ("a", "join"), ("rescue", "join")])
        assert record.status is JobStatus.COMPLETED
        assert text(record, "join") == expected
        assert states(record)["rescue"] == ("completed" if bad else "skipped")


def test_an_unhandled_failure_fails_the_job_and_says_where(live: LiveDeployment, diary: Diary) -> None:
    record = live.run({"a": diary.probe("a", bad_input=True), "b": diary.probe("b")}, [("a", "b")])
    assert record.status is JobStatus.FAILED
    assert states(record) == {"a": "failed", "b": "skipped"}
    error = record.error
    assert error is not None and error == record.node("a").error
    assert (error.code, error.details["node"], error.details["service"]) == ("node.bad_input", "a", "probe.data")
    assert error.details["remedy"] == "Set it to false."
    assert diary.lines() == ["a"], "a retry with the same input is useless"


def test_attempts_are_counted_and_the_last_may_succeed(live: LiveDeployment, diary: Diary) -> None:
    nodes = {"a": diary.probe("a"), "b": diary.probe("b", fail_times=2), "c": diary.probe("c")}
    job = live.submit(nodes, [("a", "b"), ("b", "c")]).job
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert diary.lines() == ["a", "b", "b", "b", "c"]
    assert {node.id: node.attempt for node in record.nodes} == {"a": 1, "b": 3, "c": 1}
    retried = [event.data["attempt"] for event in live.deployment.events(job) if event.type.value == "node.retrying"]
    assert retried == [1, 2]


def test_a_node_that_kills_its_process_is_retried(live: LiveDeployment, diary: Diary) -> None:
    record = live.run({"a": diary.probe("a"), "b": diary.probe("b", die_times=1)}, [("a", "b")])
    assert record.status is JobStatus.COMPLETED
    assert diary.lines() == ["a", "b", "b"]


@pytest.mark.slow
def test_a_poison_node_fails_after_its_attempts_with_its_log(live: LiveDeployment, diary: Diary) -> None:
    node = {**diary.probe("b", die_times=9), "retries": {"maxAttempts": 2}}
    record = live.run({"a": diary.probe("a"), "b": node}, [("a", "b")])
    assert record.status is JobStatus.FAILED
    assert diary.lines() == ["a", "b", "b"]
    error = record.node("b").error
    assert error is not None and error.code == "node.crashed"
    assert "SIGSEGV" in error.message
    assert error.details["where"] == "node b"
    assert error.details["service"] == "probe.data"
    assert error.details["input"] == {"text": "a"}
    assert "about to die" in error.details["log"]
    assert "Segmentation fault" in error.details["log"]


def test_a_node_is_stopped_after_its_timeout(live: LiveDeployment, diary: Diary) -> None:
    assert live.worker is not None
    executor = live.executor_of(live.worker)
    node = {**diary.probe("a", "probe.hasty", sleep_s=60), "retries": {"maxAttempts": 1}}
    record = live.run({"a": node})
    error = record.node("a").error
    assert record.status is JobStatus.FAILED
    assert error is not None and error.code == "node.timeout"
    assert "1 s" in error.message
    assert live.executor_of(live.worker) == executor, "the executor was replaced although the node stopped in time"
    assert live.run({"a": diary.probe("next")}).status is JobStatus.COMPLETED


def test_a_node_that_never_yields_keeps_its_lease(live: LiveDeployment, diary: Diary) -> None:
    record = live.run({"a": diary.probe("a", hold_gil_s=2.5 * LEASE_S)})
    assert record.status is JobStatus.COMPLETED
    assert diary.lines() == ["a"]
    assert record.node("a").attempt == 1


def test_a_cancelled_job_frees_its_worker(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a", sleep_s=60), "b": diary.probe("b")}, [("a", "b")]).job
    live.await_event(job, "node.running", "a")
    wait_for(lambda: diary.count("a") == 1)
    assert live.deployment.cancel(job) is True
    record = live.finish(job)
    assert record.status is JobStatus.CANCELLED
    assert states(record) == {"a": "cancelled", "b": "cancelled"}
    assert live.deployment.cancel(job) is False
    assert live.run({"a": diary.probe("next")}).status is JobStatus.COMPLETED
    assert diary.lines() == ["a", "next"]


def test_a_nan_metric_does_not_stop_the_worker(live: LiveDeployment, diary: Diary) -> None:
    record = live.run({"a": diary.probe("a", nan_metric=True)})
    assert record.status is JobStatus.COMPLETED
    assert record.node("a").metrics == {"length": 1.0}


def test_an_output_that_json_cannot_represent_fails_the_node(live: LiveDeployment, diary: Diary) -> None:
    record = live.run({"a": {**diary.probe("a", huge_number=True), "retries": {"maxAttempts": 1}}})
    assert record.status is JobStatus.FAILED
    error = record.node("a").error
    assert error is not None and error.details["node"] == "a"
    assert error.code in ("node.bad_output", "node.crashed")
    assert "64-bit" in str(error.details) + error.message
    assert diary.lines() == ["a"]


def test_roles_started_in_a_folder_with_a_foreign_nodes_module_run_jobs(live: LiveDeployment, diary: Diary) -> None:
    assert live.control is not None and live.worker is not None
    for process in (live.control, live.worker):
        folder = Path(psutil.Process(live.executor_of(process)).cwd())
        assert {path.name for path in folder.iterdir()} == {"nodes.py", "schemas"}
    nodes = {"a": diary.probe("a", "probe.control"), "b": diary.probe("b")}
    assert live.run(nodes, [("a", "b")]).status is JobStatus.COMPLETED


def test_progress_shows_while_a_node_runs(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a", sleep_s=60)}).job
    raw = wait_for(lambda: live.deployment.bus.progress(job).get("a"))
    assert raw is not None and b'"unit":"s"' in raw and b'"total":60' in raw
    live.deployment.cancel(job)
    assert live.finish(job).node("a").status is NodeStatus.CANCELLED


def test_finished_parts_and_a_preview_are_available_while_the_node_runs(live: LiveDeployment, diary: Diary) -> None:
    gate = diary.path.with_name("gate")
    job = live.submit({"a": diary.probe("a", parts=3, part_gate=str(gate), preview="so far")}).job
    progress = wait_for(lambda: (p := progress_of(live, job, "a")) and p.parts == 2 and p.preview and p)
    assert isinstance(progress, Progress)
    parts = live.deployment.parts(job, "a")
    assert [live.deployment.open(part).read_text() for part in parts] == ["part 0\n", "part 1\n"]
    assert live.deployment.preview(job, "a") == b"so far"
    assert live.deployment.objects.get_preview(progress.preview) == (b"so far", "text/plain")
    assert live.deployment.preview(job, "nowhere") is None and live.deployment.parts(job, "nowhere") == []
    gate.touch()
    assert live.finish(job).status is JobStatus.COMPLETED


def test_parts_of_an_earlier_attempt_are_reused(live: LiveDeployment, diary: Diary) -> None:
    gate = diary.path.with_name("gate")
    job = live.submit({"a": diary.probe("a", parts=3, part_gate=str(gate))}).job
    wait_for(lambda: (p := progress_of(live, job, "a")) and p.parts == 2)
    assert live.worker is not None
    live.deployment.bus.client.delete(live.deployment.bus.keys.progress(job))
    os.kill(live.executor_of(live.worker), signal.SIGKILL)
    live.await_event(job, "node.running", "a", count=2)
    progress = wait_for(lambda: progress_of(live, job, "a"))
    assert isinstance(progress, Progress) and progress.parts == 2
    gate.touch()
    assert live.finish(job).status is JobStatus.COMPLETED
    assert diary.count("part-0") == 1


def progress_of(live: LiveDeployment, job: str, node: str) -> Progress | None:
    raw = live.deployment.bus.progress(job).get(node)
    return Progress.model_validate_json(raw) if raw else None


def test_the_timeout_of_a_node_does_not_start_while_another_branch_runs(live: LiveDeployment, diary: Diary) -> None:
    """A branch of a control segment waits for the other branch, level by level."""
    nodes = {
        "a": diary.probe("a", "probe.control"),
        "slow": diary.probe("s", "probe.control", sleep_s=2),
        "hasty": diary.probe("h", "probe.hasty_control"),
        "join": {**diary.probe("j", "probe.control"), "input": {"text": "$hasty.text"}},
    }
    record = live.run(nodes, [("a", "hasty"), ("hasty", "join"), ("slow", "join")])
    assert record.status is JobStatus.COMPLETED, record.error
    assert diary.count("h") == 1


def test_a_worker_outlives_the_shell_that_started_it(live: LiveDeployment, tmp_path: Path) -> None:
    command = shlex.join(python_module("workbench.cli.main", "worker", "--pool", "elsewhere"))
    shell = subprocess.Popen(
        ["sh", "-c", f"setsid nohup {command} > {tmp_path}/log 2>&1 & echo $!; read line"],
        cwd=live.folder,
        env={**os.environ, **live.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None and shell.stdin is not None
    worker = psutil.Process(int(shell.stdout.readline()))
    try:
        own = b'"pid":%d,' % worker.pid
        wait_for(lambda: any(own in raw for raw in live.deployment.bus.queues.workers().values()))
        shell.communicate("\n", timeout=60)
        for value in "ab":  # a worker that follows its shell ends within half a second, and takes no second job
            node = {"service": "probe.elsewhere", "params": {"value": value, "sleep_s": 1.0}}
            assert live.run({"a": node}).status is JobStatus.COMPLETED
    finally:
        worker.terminate()
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
