"""A job in Python: access to its outputs waits for its end, and the job continues without a watcher."""

from __future__ import annotations

import _thread
import asyncio
import base64
import io
import re
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from schemas.errors import WorkbenchError
from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment, wait_for
from tests.store.media import write_clip
from workbench.notebook.workbench import Workbench
from workbench.store.tracking_queue import TrackingQueue

pytestmark = pytest.mark.stack


def chain(wb: Workbench, diary: Diary, **first: object) -> object:
    graph = wb.graph("chain", seed=7)
    a = graph.probe.data(value="a", log=str(diary.path), as_="a", **first)
    graph.probe.data(value="b", text=a.text, file_kib=1, as_="b")
    return graph


def test_access_to_outputs_waits_for_the_job(wb: Workbench, diary: Diary) -> None:
    job = wb.run(chain(wb, diary, sleep_s=0.3), experiment="python")
    assert job.metrics == {"a.length": 1.0}
    assert job.status is JobStatus.COMPLETED
    assert job.outputs["b"]["text"] == "ba"
    file = job.outputs["b"]["file"]
    assert (file.kind, len(file.read_bytes())) == ("text", 1024)
    assert [(row["node"], row["role"], row["artifact"]) for row in job.artifacts] == [("b", "output", file)]
    assert job.params["a"]["value"] == "a" and job.record.seed == 7
    assert [event.type for event in job.events][-1] == "job.completed"
    assert repr(job) == f"<Job {job.id} chain completed>"
    with pytest.raises(WorkbenchError) as caught:
        job.video  # noqa: B018
    assert caught.value.code == "job.no_such_output" and caught.value.seen == ["text"]


def test_a_file_of_a_job_is_saved_completely(wb: Workbench, diary: Diary, tmp_path: Path) -> None:
    file = wb.run(chain(wb, diary)).outputs["b"]["file"]
    target = file.save(tmp_path / "kept" / "b.txt")
    assert target.read_bytes() == file.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["b.txt"]


def test_a_video_is_embedded_for_an_unreachable_deployment(wb: Workbench, tmp_path: Path) -> None:
    shown = wb.artifact(wb.upload(write_clip(tmp_path / "clip.mp4"), "video"))._repr_html_()
    [poster] = re.findall(r'poster="data:image/jpeg;base64,([^"]+)"', shown)
    with Image.open(io.BytesIO(base64.b64decode(poster))) as frame:
        assert frame.size == (160, 160) and frame.convert("RGB").getextrema()[0][1] > 200  # the bar in the image
    assert 'preload="none"' in shown


def test_a_failed_job_raises_its_error(wb: Workbench, diary: Diary) -> None:
    job = wb.run(chain(wb, diary, bad_input=True))
    with pytest.raises(WorkbenchError) as caught:
        job.metrics  # noqa: B018
    assert caught.value.code == "node.bad_input" and "told to refuse" in str(caught.value)
    assert job.wait() is job  # regardless of how it ended
    again = job.rerun({"a": {"bad_input": False}})
    assert again.outputs["a"]["text"] == "a" and again.record.parent == job.id


def test_interrupting_the_cell_stops_watching_but_not_the_job(
    wb: Workbench, diary: Diary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "gate"
    job = wb.run(chain(wb, diary, gate=str(gate)))
    wait_for(lambda: diary.count("a") == 1, what="the first node runs")
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    assert f'Job {job.id} continues: wb.job("{job.id}").wait() waits for it again' in capsys.readouterr().err
    assert job.status is JobStatus.RUNNING
    with pytest.raises(TimeoutError):
        job.wait(timeout_s=0.3)
    gate.touch()
    assert job.wait().status is JobStatus.COMPLETED


def test_awaiting_does_not_block_the_loop_and_can_be_cancelled(wb: Workbench, diary: Diary, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = wb.run(chain(wb, diary, gate=str(gate)))

    async def both() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await job
        # Python would wait for any other thread at its exit, and IPython leaves the task there that Ctrl-C interrupts.
        assert all(one.daemon for one in threading.enumerate() if one.name == f"await {job.id}")
        assert job.status is not JobStatus.COMPLETED
        gate.touch()
        assert (await job) is job

    asyncio.run(both())
    assert job.status is JobStatus.COMPLETED


def test_a_cancelled_job_raises_that_it_was_cancelled(wb: Workbench, diary: Diary, tmp_path: Path) -> None:
    job = wb.run(chain(wb, diary, gate=str(tmp_path / "never")))
    wait_for(lambda: diary.count("a") == 1, what="the first node runs")
    assert job.cancel() is True
    with pytest.raises(WorkbenchError) as caught:
        job.outputs  # noqa: B018
    assert caught.value.code == "job.cancelled" and "retry" in caught.value.remedy
    assert job.cancel() is False


def test_a_key_identifies_one_job(wb: Workbench, diary: Diary) -> None:
    graph = chain(wb, diary)
    assert wb.run(graph, key="notebook once").id == wb.run(graph, key="notebook once").id
    assert wb.job(wb.run(graph, key="notebook once").id).wait().status is JobStatus.COMPLETED


def test_waiting_for_a_record_that_mlflow_does_not_have_says_so(wb: Workbench, diary: Diary) -> None:
    job = wb.run(chain(wb, diary), experiment="unrecorded").wait()
    with pytest.raises(WorkbenchError) as caught:
        job.wait(recorded=True)
    assert caught.value.code == "tracking.off"
    queue = TrackingQueue(wb.deployment.store.database)
    queue.postpone(job.id, "MLflow rejected the record: the name is too long", now=time.time())
    recording = Workbench(wb.deployment.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"}))
    with pytest.raises(WorkbenchError) as caught:
        recording.job(job.id).wait(recorded=True)
    assert caught.value.code == "tracking.refused" and "the name is too long" in str(caught.value.seen)
    queue.mark_tracked(job.id)
    assert recording.job(job.id).wait(recorded=True).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("what", "options", "code"),
    [
        ("talking_haed", {}, "pipeline.unknown"),
        ("talking_head", {"portrait": "sample"}, "pipeline.bad_option"),
        ("talking_head", {"portrait": "no-such.png", "script": "x"}, "node.bad_input"),
        ("talking_head", {"portrait": 3, "script": "x"}, "node.bad_input"),
        ("talking_head", {"script": "x", "lane": "fast"}, "request.invalid"),
        ("talking_head", {"script": "x", "seed": -1}, "request.invalid"),
        ({"schema": "langgraph.v1", "nodes": []}, {}, "graph.schema"),
        ({"schema": "langgraph.v1", "nodes": []}, {"script": "x"}, "request.invalid"),
        ("talking_head", {"script": "x", "params": {"sway": 0.5}}, "request.invalid"),
        ("talking_head", {"portrait": "sample", "script": "x", "without": "evaluat"}, "pipeline.bad_option"),
        (3, {}, "request.invalid"),
    ],
)
def test_an_invalid_request_is_refused_and_nothing_is_queued(
    wb: Workbench, live: LiveDeployment, what: object, options: dict[str, object], code: str
) -> None:
    before = len(wb.runs())
    with pytest.raises(WorkbenchError) as caught:
        wb.run(what, **options)
    assert caught.value.code == code
    assert len(wb.runs()) == before
    with pytest.raises(WorkbenchError, match="no job"):
        wb.job("no-such-job")


def test_runs_are_listed_and_converted_to_a_data_frame(wb: Workbench, diary: Diary) -> None:
    jobs = [wb.run(chain(wb, diary, sleep_s=index / 100), experiment="frames").wait() for index in range(3)]
    runs = wb.runs(experiment="frames")
    assert [job.id for job in runs] == [job.id for job in reversed(jobs)]
    assert (len(runs), runs[0].id, [job.id for job in runs[1:]]) == (3, jobs[2].id, [jobs[1].id, jobs[0].id])
    frame = runs.to_pandas()
    assert list(frame.index) == [job.id for job in reversed(jobs)]
    assert list(frame["params.a.sleep_s"]) == [0.02, 0.01, 0.0]
    assert set(frame["metrics.a.length"]) == {1.0} and set(frame["status"]) == {"completed"}
    assert frame["created"].dt.tz is not None
    assert [job.id for job in wb.runs(experiment="frames", parameter="a.sleep_s>=0.02")] == [jobs[2].id]
    assert len(wb.runs(experiment="frames", limit=2)) == 2
    assert jobs[0].id in runs._repr_html_() and jobs[0].id in repr(runs)
    empty = wb.runs(experiment="no such").to_pandas()
    assert empty.empty and list(empty.columns)[:2] == ["status", "pipeline"]
    chosen = wb.runs(
        experiment="frames",
        metric="a.length<=1",
        sort="param:a.sleep_s",
        columns=["params.a.sleep_s", "metric:a.length"],
    ).to_pandas()
    assert list(chosen["params.a.sleep_s"]) == [0.0, 0.01, 0.02] and set(chosen["metrics.a.length"]) == {1.0}
    assert {name for name in chosen.columns if "." in name} == {"params.a.sleep_s", "metrics.a.length"}
    assert list(chosen["starred"]) == [False] * 3 and len(wb.runs(experiment="frames", starred=True)) == 0
    for bad in ({"status": "done"}, {"parameter": "a b"}, {"metric": "a<b"}, {"sort": "name"}, {"columns": ["length"]}):
        with pytest.raises(WorkbenchError):
            wb.runs(**bad)
