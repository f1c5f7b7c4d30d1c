"""`workbench notebook run`: each execution is a recorded run, failures are kept, and a killed grid can be resumed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.program import Program
from tests.cli.tracking import Run
from tests.notebook.execution.conftest import Kernels
from tests.notebook.execution.papers import outside, read, texts, write_notebook
from tests.stack.conditions import wait_for

pytestmark = pytest.mark.stack

WITH_A_JOB = """
from workbench import connect, record
wb = connect(start=False)
graph = wb.graph("tiny")
graph.probe.data(value=name)
job = graph.run()
record(length=job.metrics["data.length"], seed=seed)
job.rerun().wait(recorded=True)
job.wait(recorded=True)
"""


def execute(deployment: Program, notebook: Path, out: Path, *arguments: str) -> list[dict[str, Any]]:
    answer = deployment.json("notebook", "run", str(notebook), "--out", str(out), *arguments)
    return list(answer["executions"])


def test_an_execution_is_a_recorded_run_with_its_jobs_as_children(deployment: Program, tmp_path: Path) -> None:
    cell = "seed: int = 1\nname: str = 'abc'\nmore: dict = {}\nsize: tuple = (1, 2)"
    notebook = write_notebook(tmp_path / "tiny.ipynb", cell, "assert size == (3, 4), size", WITH_A_JOB)
    words = ("-p", "seed", "3", "-p", "more.a", "0.5", "-p", "size", "[3,4]", "--experiment", "papers")
    [one] = execute(deployment, notebook, tmp_path / "out", *words)
    assert one["status"] == "completed" and one["unrecorded"] is None
    run = Run(one["mlflowRun"])
    assert (run.status, run.experiment) == ("FINISHED", "papers")
    assert run.values("params") == {"seed": "3", "name": "abc", "more.a": "0.5", "size": "[3,4]"}
    figures = run.values("metrics")
    assert figures.pop("notebook.seconds") > 0 and figures == {"length": 3.0, "seed": 3.0} == one["metrics"]
    assert set(run.files()) == {"notebook.ipynb", "notebook.html"}
    executed = Path(one["notebook"])
    assert run.file("notebook.ipynb") == executed.read_bytes()
    values = {"seed": 3, "name": "abc", "more": {"a": 0.5}, "size": [3, 4]}
    assert read(executed)["metadata"]["workbench"]["parameters"] == values
    assert len(one["jobs"]) == 2
    for job in one["jobs"]:
        child = Run(deployment.json("job", "show", job)["mlflowRun"])
        assert child.values("tags")["mlflow.parentRunId"] == run.id and child.experiment == "papers"
    assert outside(Path(one["html"]).read_text()) == []
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".html", ".ipynb"]


def test_a_job_rerun_later_is_not_a_child_of_the_notebook(deployment: Program, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 1\nname: str = 'later'", WITH_A_JOB)
    [one] = execute(deployment, notebook, tmp_path / "out")
    again = deployment.json("job", "rerun", one["jobs"][0])
    assert "mlflow.parentRunId" not in Run(again["mlflowRun"]).values("tags")


def test_a_bad_parameter_is_refused_before_a_kernel_or_a_stack_starts(tmp_path: Path, kernels: Kernels) -> None:
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 1", "print(seed)", kernel="told")
    parameters = tmp_path / "params.yaml"
    parameters.write_text("seed: lots\n")
    home = tmp_path / "home"
    program = Program(home, **kernels.environment)
    for words in (
        ("-p", "seed", "x"),
        ("-p", "sed", "1"),
        ("-p", "seed=1.5"),
        ("-f", str(parameters)),
        ("--grid", "seed=1,2,x"),
    ):
        ended = program.try_("notebook", "run", str(notebook), *words, "--json")
        assert (ended.code, ended.error["code"]) == (2, "notebook.bad_parameter"), words
        assert ended.error["details"]["allowed"]
    assert kernels.started() == 0 and not home.exists()


def test_the_notebook_determines_the_kernel(deployment: Program, tmp_path: Path, kernels: Kernels) -> None:
    """The same notebook with a valid value does start a kernel, so the test above can fail."""
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 1", "print(seed + 1)", kernel="told")
    parameters = tmp_path / "params.yaml"
    parameters.write_text("seed: 41\n")
    program = Program(deployment.home, **kernels.environment)
    [one] = execute(program, notebook, tmp_path / "out", "-f", str(parameters))
    assert kernels.started() == 1 and "42" in texts(read(Path(one["notebook"])))


def test_a_failed_notebook_is_kept_with_its_error_at_the_top(deployment: Program, tmp_path: Path) -> None:
    cells = ("print('before')", "from workbench import record; record(reached=1)", "1 / seed", "print('after')")
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 1", *cells)
    ended = deployment.try_(
        "notebook", "run", str(notebook), "-p", "seed", "0", "--out", str(tmp_path / "out"), "--json"
    )
    [one] = ended.json["executions"]
    assert (ended.code, one["status"], one["error"]["name"]) == (1, "failed", "ZeroDivisionError")
    kept = Path(one["notebook"])
    document = read(kept)
    top = "".join(document["cells"][0]["source"])
    assert kept.name.endswith(".failed.ipynb") and "ZeroDivisionError: division by zero" in top
    assert "before" in texts(document) and "after" not in texts(document)
    assert "ZeroDivisionError: division by zero" in Path(one["html"]).read_text()
    run = Run(one["mlflowRun"])
    assert run.status == "FAILED" and run.values("metrics")["reached"] == 1
    assert run.values("tags")["workbench.error"] == "ZeroDivisionError: division by zero"
    assert run.file("notebook.ipynb") == kept.read_bytes()


def test_a_kernel_that_dies_is_a_failed_notebook(deployment: Program, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 1", "import os; os._exit(9)")
    ended = deployment.try_("notebook", "run", str(notebook), "--out", str(tmp_path / "out"), "--json")
    [one] = ended.json["executions"]
    assert (ended.code, one["status"], one["error"]["name"]) == (1, "failed", "DeadKernelError")
    assert "DeadKernelError: Kernel died" in "".join(read(Path(one["notebook"]))["cells"][0]["source"])
    assert Run(one["mlflowRun"]).status == "FAILED"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_grid_resumes_without_repeating_executions(deployment: Program, tmp_path: Path) -> None:
    diary, out = tmp_path / "diary", tmp_path / "out"
    cell = f"from pathlib import Path\nwith Path({str(diary)!r}).open('a') as file: file.write(f'{{seed}}\\n')"
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 0", cell, "import time; time.sleep(0.3)")
    seeds = [str(seed) for seed in range(1, 13)]
    words = ("notebook", "run", str(notebook), "--grid", f"seed={','.join(seeds)}", "--jobs", "2", "--out", str(out))

    def finished() -> list[Path]:
        return sorted(out.glob("tiny-*.ipynb"))

    killed = deployment.start(*words)
    wait_for(lambda: len(finished()) >= 5, 120)
    below = psutil.Process(killed.pid).children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = finished()
    assert 5 <= len(before) < 12
    done = {str(read(path)["metadata"]["workbench"]["parameters"]["seed"]) for path in before}
    assert all(read(path)["metadata"]["workbench"]["status"] == "completed" for path in before)
    wait_for(lambda: not any(process.is_running() for process in below))  # no kernel is left running

    answer = deployment.json(*words, timeout_s=400)["executions"]
    assert [one["status"] for one in answer].count("cached") == len(before)
    assert {one["status"] for one in answer} == {"cached", "completed"} and len(finished()) == 12
    times = {seed: diary.read_text().split().count(seed) for seed in seeds}
    assert all(times[seed] == 1 for seed in done) and all(count in (1, 2) for count in times.values()), times
    runs = [Run(one["mlflowRun"]) for one in answer]
    assert len({run.id for run in runs}) == 12 and {run.status for run in runs} == {"FINISHED"}
    assert {run.values("params")["seed"] for run in runs} == set(seeds)
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]

    count = len(diary.read_text().split())
    assert {one["status"] for one in deployment.json(*words)["executions"]} == {"cached"}
    assert len(diary.read_text().split()) == count


def test_ctrl_c_ends_the_kernels_and_leaves_no_partial_files(deployment: Program, tmp_path: Path) -> None:
    diary, out = tmp_path / "diary", tmp_path / "out"
    cell = f"from pathlib import Path; Path({str(diary)!r}).touch()"
    notebook = write_notebook(tmp_path / "tiny.ipynb", "seed: int = 0", cell, "import time; time.sleep(600)")
    process = deployment.start("notebook", "run", str(notebook), "--out", str(out))
    wait_for(diary.exists)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130 and list(out.iterdir()) == []
    wait_for(lambda: not any(one.is_running() for one in below))
