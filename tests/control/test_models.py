"""Jobs whose nodes use models that are installed on the workers' machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.manifest import manifests
from nodes.registry import services
from nodes.weights import record
from schemas.errors import WorkbenchError
from schemas.status import JobStatus
from tests.live import LiveDeployment, sigkill, wait_for
from workbench.engine.installed_models import missing_models


@pytest.fixture
def models(live: LiveDeployment) -> Iterator[Path]:
    folder = live.settings.models
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def put(live: LiveDeployment, models: Path, text: str, name: str = "small") -> str:
    """Install a model of one small file. Returns its digest, once the worker has announced it."""
    (models / name).mkdir(parents=True, exist_ok=True)
    (models / name / "weights.txt").write_text(text)
    digest = record(models / name).digest
    announced = f'"{name}":"{digest}"'.encode()
    wait_for(lambda: any(announced in raw for raw in live.deployment.bus.queues.workers().values()))
    return digest


def test_a_result_belongs_to_the_weights_that_made_it(live: LiveDeployment, models: Path) -> None:
    node = {"a": {"service": "probe.weighed", "params": {"model": "small"}}}
    first = put(live, models, "one")
    made = live.run(node)
    assert made.node("a").output == {"text": "one"}
    assert made.graph.node("a").models == {"small": first}
    assert live.run(node).node("a").cached
    second = put(live, models, "two")
    again = live.run(node)
    assert (again.node("a").output, again.node("a").cached) == ({"text": "two"}, False)
    assert again.graph.node("a").models == {"small": second}
    put(live, models, "one")
    assert live.run(node).node("a").output == {"text": "one"}


def test_a_service_without_its_model_says_which_command_gets_it(tmp_path: Path) -> None:
    svd = next(one for one in manifests(services()) if one.service == "generate.svd")
    said = missing_models(svd, {}, tmp_path)
    assert said == ("no model for its parameter model is installed. Run `workbench models fetch svd-xt-1.1` there.")
    assert missing_models(svd, {"svd-xt": "ab" * 32}, tmp_path) == "", "another model of the same service"
    (tmp_path / "models.toml").write_text("[models")
    assert "models.toml" in missing_models(svd, {}, tmp_path), "a broken catalogue ends no worker"


def test_a_model_that_no_worker_has_is_refused_with_those_that_are_there(live: LiveDeployment, models: Path) -> None:
    put(live, models, "one")
    with pytest.raises(WorkbenchError) as raised:
        live.submit({"a": {"service": "probe.weighed", "params": {"model": "large"}}})
    error = raised.value
    assert (error.code, error.where, error.seen) == ("node.model_unavailable", "node a: params.model", "large")
    assert error.allowed == "small" and "workbench models fetch large" in error.remedy


def test_a_job_waits_until_a_worker_has_the_weights_that_it_names(live: LiveDeployment, models: Path) -> None:
    put(live, models, "one")
    gate = models / "gate"
    accepted = live.submit(
        {
            "wait": {"service": "probe.data", "params": {"gate": str(gate)}},
            "a": {"service": "probe.weighed", "params": {"model": "small"}},
        },
        [("wait", "a")],
        context={"cache": False},
    )
    put(live, models, "two")
    gate.touch()
    event = live.await_event(accepted.job, "node.waiting", "a")
    assert "has other weights" in event.data["services"][0] and "submit again" in event.data["services"][0]
    put(live, models, "one")
    assert live.finish(accepted.job).status is JobStatus.COMPLETED


def test_a_file_that_was_changed_after_its_installation_fails_the_node(live: LiveDeployment, models: Path) -> None:
    put(live, models, "three")
    (models / "small" / "weights.txt").write_text("changed by hand")
    failed = live.run({"a": {"service": "probe.weighed", "params": {"model": "small"}}})
    error = failed.node("a").error
    assert failed.status is JobStatus.FAILED and error is not None and error.code == "model.damaged"
    assert failed.node("a").attempt == 1
    assert "workbench models verify small" in error.details["remedy"]


def test_the_executors_of_a_pool_run_with_the_interpreter_of_its_engine(live: LiveDeployment, tmp_path: Path) -> None:
    """A stand-in for the environment of an engine: our interpreter, which marks its processes."""
    import sys

    python = tmp_path / "f5" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nENGINE=f5 exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "f5" / "installed.json").write_text('{"pins": "of a test"}')
    worker = live.start_role("worker", "--pool", "f5", WORKBENCH_ENGINES=str(tmp_path))
    try:
        live.await_ready(worker)
        assert live.run({"a": {"service": "probe.engine"}}).node("a").output == {"text": "f5"}
    finally:
        sigkill(worker)
