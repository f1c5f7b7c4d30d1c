"""A user's own recording: animated unchanged, and transcribed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.evaluate._words import normalised
from schemas.pipeline import InputUse
from tests.cli.conftest import SCRIPT
from tests.cli.program import Program

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]


@pytest.fixture(scope="module")
def recording(program: Program, first: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The speech of the first job, saved as a user's file."""
    rows = program.json("job", "artifacts", first["jobId"], "--save", str(tmp_path_factory.mktemp("recording")))
    return next(Path(row["path"]) for row in rows if (row["node"], row["output"]) == ("speech", "audio"))


def test_a_recording_is_animated_unchanged(program: Program, recording: Path) -> None:
    shown = program.json(
        "run", "talking_head", "--portrait", "sample", "--audio", str(recording), "--without", "upscale",
        "--set", "animate.size=256",
    )  # fmt: skip
    assert (shown["status"], shown["error"]) == ("completed", None)
    assert [node["id"] for node in shown["nodes"]] == ["animate", "remux", "evaluate"]
    assert Path(shown["video"]).stat().st_size > 10_000
    assert "evaluate.word_error_rate" not in shown["metrics"], "nobody said what is in it"
    assert shown["metrics"]["evaluate.identity_distance"] < 0.6


def test_a_recording_is_transcribed(program: Program, recording: Path) -> None:
    from workbench.client.deployment import Deployment
    from workbench.embedded.stack import ensure_running

    shown = program.json("run", "transcribe", "--audio", str(recording))
    assert shown["status"] == "completed"
    output = Deployment(ensure_running(program.home)).job(shown["jobId"]).node("transcript").output
    assert output is not None and normalised(output["text"]) == normalised(SCRIPT)


def test_a_key_is_one_job_on_the_command_line_and_in_a_notebook(program: Program) -> None:
    from workbench.notebook.connect import connect

    wb = connect(program.home, start=False)
    first = program.json("run", "draft_script", "--prompt", "a lighthouse", "--key", "both", "--detach")["jobId"]
    job = wb.run("draft_script", prompt="a lighthouse", key="both")
    assert job.id == first
    asked = job.record.graph.metadata["asked"]
    assert asked == {"pipeline": "draft_script", "options": {"prompt": "a lighthouse"}, "params": {}}
    job.cancel()


def test_a_draft_is_one_node_and_needs_a_prompt(program: Program) -> None:
    shown = program.json("run", "draft_script", "--prompt", "the sea in the morning")
    assert [(node["id"], node["status"]) for node in shown["nodes"]] == [("script", "completed")]
    refused = program.try_("run", "draft_script", "--script", "Hello.", "--json")
    assert (refused.code, refused.error["code"]) == (2, "pipeline.bad_option")
    listed = {item["name"]: item for item in program.json("pipelines")}
    assert [(one["name"], one["use"]) for one in listed["draft_script"]["inputs"]] == [("prompt", InputUse.NEEDED)]
    assert not listed["draft_script"]["listed"] and listed["talking_head"]["listed"]
