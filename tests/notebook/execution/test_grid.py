"""Concurrent executions without a stack: a refused or failed execution does not affect the others."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from tests.cli.program import Program
from tests.notebook.execution.conftest import Kernels
from tests.notebook.execution.papers import read, texts, write_notebook
from tests.stack.conditions import wait_for
from workbench.client.deployment import Deployment
from workbench.notebook.execution import recording
from workbench.notebook.execution.grid import run_all
from workbench.notebook.execution.parameters import TextValue, read_parameters
from workbench.notebook.execution.recording import Recorder
from workbench.notebook.execution.run import Execution, Outcome, exclusive, prepare
from workbench.notebook.packages import EXECUTION, need, need_kernel
from workbench.settings import Settings
from workbench.store.tracking_api import TrackingRefused


class Unkept(Recorder):
    """A recorder without an object store: it stores no results, but still uses MLflow."""

    def end(self, outcome: Outcome) -> None:
        outcome.unrecorded = "no store is there"


class Quiet:
    """A watcher."""

    def cell(self, execution: Execution, cell: int, of: int) -> None: ...

    def ended(self, outcome: Outcome) -> None: ...


class Broken:
    """A watcher that fails on every update."""

    def cell(self, execution: Execution, cell: int, of: int) -> None:
        raise ValueError("no terminal")

    def ended(self, outcome: Outcome) -> None:
        raise ValueError("no terminal")


def deployment(home: Path, mlflow_url: str = "") -> Deployment:
    """A deployment without running servers."""
    nothing = "127.0.0.1:1"
    urls = {"bus_url": f"redis://{nothing}", "s3_url": f"http://{nothing}", "sql_url": f"sqlite:///{home}/none.db"}
    return Deployment(Settings(home=home, mlflow_url=mlflow_url, **urls))  # type: ignore[arg-type]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an unreachable MLflow server."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, but not listening
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Execution, Execution]:
    """A new execution and one that has completed before."""
    parameters = read_parameters(write_notebook(tmp_path / "nb.ipynb", "seed: int = 0", "print(seed)"))
    new, known = (prepare(parameters, {"seed": seed}, tmp_path / "out", "e") for seed in (1, 2))
    completed(known)
    return new, known


def completed(known: Execution) -> None:
    """Write the files of a completed execution."""
    known.folder.mkdir(exist_ok=True)
    about = {"digest": known.digest, "status": "completed", "error": None, "began": 0, "ended": 1, "run": None}
    about |= {"jobs": [], "figures": {"wer": 0.5}}
    known.file.write_text(json.dumps({"metadata": {"workbench": about}}))
    known.file.with_suffix(".html").touch()


def test_a_busy_execution_does_not_end_the_others(tmp_path: Path, pair: tuple[Execution, Execution]) -> None:
    recorder = Unkept(deployment(tmp_path))
    with exclusive(pair[0]):
        refused, known = run_all(pair, recorder._deployment.settings, recorder, Quiet())
        assert (refused.status, known.status, known.metrics) == ("failed", "known", {"wer": 0.5})
        assert refused.error is not None and refused.error["name"] == "notebook.busy"
        with pytest.raises(WorkbenchError) as caught:
            run_all(pair[:1], recorder._deployment.settings, recorder, Quiet())
    assert caught.value.code == "notebook.busy" and caught.value.remedy


def test_an_execution_refused_by_mlflow_does_not_end_the_others(
    tmp_path: Path, pair: tuple[Execution, Execution]
) -> None:
    class Refused(Unkept):
        """MLflow refuses the run."""

        def begin(self, execution: Execution, stop: threading.Event) -> str | None:
            raise TrackingRefused("MLflow", "DELETED", "the experiment was deleted")

    recorder = Refused(deployment(tmp_path))
    refused, known = run_all(pair, recorder._deployment.settings, recorder, Quiet())
    assert (refused.status, known.status) == ("failed", "known")
    assert refused.error is not None and refused.error["name"] == "tracking.refused"


def test_nothing_starts_when_mlflow_was_never_reachable(
    tmp_path: Path, pair: tuple[Execution, Execution], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "START_S", 0.0)
    recorder = Unkept(deployment(tmp_path, silent))
    with pytest.raises(WorkbenchError) as caught:
        run_all(pair, recorder._deployment.settings, recorder, Quiet(), resume=False)
    assert caught.value.code == "tracking.unreachable" and not pair[0].file.exists()


def test_all_executions_wait_for_mlflow_together(
    tmp_path: Path, pair: tuple[Execution, Execution], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "START_S", 1.0)
    recorder = Unkept(deployment(tmp_path, silent))
    api, stop, asked = recorder._api, threading.Event(), []
    assert api is not None
    for execution in (*pair, pair[0]):
        with pytest.raises(WorkbenchError):
            recorder.begin(execution, stop)
        asked.append(api.requests)
    assert asked[0] > 1 and asked[1:] == [asked[0] + 1, asked[0] + 2]  # later executions try only once


def test_waiting_for_mlflow_can_be_interrupted(
    tmp_path: Path, pair: tuple[Execution, Execution], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "START_S", 3600.0)
    recorder = Unkept(deployment(tmp_path, silent))
    api, stop, codes = recorder._api, threading.Event(), []
    assert api is not None

    def begin(execution: Execution) -> None:
        with pytest.raises(WorkbenchError) as caught:
            recorder.begin(execution, stop)
        codes.append(caught.value.code)

    threads = [threading.Thread(target=begin, args=(one,), daemon=True) for one in pair]
    for thread in threads:
        thread.start()
    wait_for(lambda: api.requests > 0, 20)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert codes == ["notebook.stopped"] * 2


@pytest.mark.slow
def test_a_failing_watcher_does_not_end_executions(tmp_path: Path, pair: tuple[Execution, Execution]) -> None:
    recorder = Unkept(deployment(tmp_path))
    found = run_all(pair, recorder._deployment.settings, recorder, Broken())
    assert [one.status for one in found] == ["completed", "known"]
    assert "1" in texts(read(pair[0].file))


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["1 / 0", "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"])
def test_an_execution_that_completed_and_then_failed_is_not_reused(tmp_path: Path, ends: str) -> None:
    notebook = write_notebook(tmp_path / "nb.ipynb", "seed: int = 0", ends)
    one = prepare(read_parameters(notebook), {}, tmp_path / "out", "e")
    completed(one)
    recorder = Unkept(deployment(tmp_path))
    [found] = run_all([one], recorder._deployment.settings, recorder, Quiet(), resume=False)
    assert found.status == "failed" and one.done() is None
    left = {path for path in one.folder.iterdir() if not path.name.startswith(".")}
    assert left == ({one.failed_file, one.failed_file.with_suffix(".html")} if "/" in ends else set())


def test_another_experiment_is_another_execution(tmp_path: Path, pair: tuple[Execution, Execution]) -> None:
    parameters = read_parameters(tmp_path / "nb.ipynb")
    _, known = pair
    other = prepare(parameters, {"seed": 2}, known.folder, "another")
    assert known.done() and other.done() is None and other.file != known.file
    kernel = prepare(parameters, {"seed": 2}, known.folder, "e", "told")
    assert kernel.kernel == "told" and kernel.done() is None and kernel.file != known.file
    assert prepare(parameters, {"seed": TextValue("2")}, known.folder, "e") == known


@pytest.mark.slow
def test_a_notebook_without_a_language_accepts_parameters(
    tmp_path: Path, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook(tmp_path / "nb.ipynb", "seed: int = 0", "print(seed + 1)")
    notebook.write_text(json.dumps({**read(notebook), "metadata": {}}))
    monkeypatch.setenv("JUPYTER_PATH", str(kernels.folder))
    one = prepare(read_parameters(notebook), {"seed": TextValue("41")}, tmp_path / "out", "e", "told")
    recorder = Unkept(deployment(tmp_path))
    [found] = run_all([one], recorder._deployment.settings, recorder, Quiet())
    assert found.status == "completed" and "42" in texts(read(one.file)) and kernels.started() == 1


def test_a_missing_kernel_is_reported_before_anything_starts(tmp_path: Path, kernels: Kernels) -> None:
    notebook = write_notebook(tmp_path / "nb.ipynb", "seed: int = 1", "print(seed)", kernel="elsewhere")
    program = Program(tmp_path / "home", **kernels.environment)
    for words, name in (((), "elsewhere"), (("--kernel", "nowhere"), "nowhere")):
        ended = program.try_("notebook", "run", str(notebook), *words, "--json")
        assert (ended.code, ended.error["code"]) == (2, "notebook.no_kernel")
        details = ended.error["details"]
        assert details["seen"] == name and {"told", "python3"} <= set(details["allowed"]) and details["remedy"]
    assert not (tmp_path / "home").exists() and kernels.started() == 0
    need_kernel("python3", "nb.ipynb")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    need("executing a notebook", EXECUTION)
    monkeypatch.setitem(sys.modules, "papermill", None)  # how import represents a missing package
    with pytest.raises(WorkbenchError) as caught:
        need("executing a notebook", EXECUTION)
    error = caught.value
    assert error.code == "stack.missing_package" and "papermill" in error.message
    assert "talking-head-workbench[notebook]" in error.remedy


def test_an_unreadable_notebook_has_a_row(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", "x: 'int or' = 1")
    write_notebook(tmp_path / "b.ipynb", "seed: int = 1")
    (tmp_path / "c.ipynb").write_text("{")
    program = Program(tmp_path / "home")
    rows = program.json("notebook", "list", str(tmp_path))["notebooks"]
    assert [row["parameters"] for row in rows] == [[], ["seed"], []]
    assert [(row["error"] or "").partition(":")[0] for row in rows] == ["notebook.bad_cell", "", "notebook.unreadable"]
    shown = program.try_("notebook", "list", str(tmp_path))
    assert shown.code == 0 and "type of x" in shown.out and "seed" in shown.out
