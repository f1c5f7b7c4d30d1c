"""Approval of a script from the command line: the watcher's output, the answers, and the spoken text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.graphs import document, script, speech
from tests.cli.program import Program
from tests.stack.conditions import wait_for

pytestmark = pytest.mark.stack


def asking(program: Program, text: str, *more: dict[str, Any]) -> str:
    """Submit a job that asks for approval of a text; return when it waits."""
    review = {"id": "review", "service": "review.script"}
    edges = (("script", "review"), *(("review", node["id"]) for node in more))
    graph = document(script(text=text), review, *more, edges=edges)
    job = str(program.json("submit", "-", given=json.dumps(graph))["jobId"])
    wait_for(lambda: program.json("job", "approve", job, "--show"))
    return job


def ended(program: Program, job: str) -> dict[str, Any]:
    def shown() -> dict[str, Any] | None:
        found: dict[str, Any] = program.json("job", "show", job)
        return found if found["status"] in ("completed", "failed", "cancelled") else None

    return wait_for(shown)


def text_of(program: Program, job: str, folder: Path) -> tuple[str, str | None]:
    """The approved text as an artifact, and its author."""
    (row,) = [row for row in program.json("job", "artifacts", job, "--save", str(folder)) if row["node"] == "review"]
    return Path(row["path"]).read_text(), row["author"]


def test_the_question_is_shown_and_an_edit_is_approved(program: Program, tmp_path: Path) -> None:
    job = asking(program, "As it was written.")
    asked = program.json("job", "approve", job, "--show")
    assert asked["review"]["text"] == "As it was written."
    text = program.run("job", "approve", job, "--show")
    assert "As it was written." in text and f"job approve {job} --text" in text
    edit = tmp_path / "edit.txt"
    edit.write_text("As it is better.\n", encoding="utf-8")
    answer = program.json("job", "approve", job, "--file", str(edit), "--author", "ada")
    assert (answer["approved"], answer["edited"], answer["author"]) == (True, True, "ada")
    assert ended(program, job)["status"] == "completed"
    assert text_of(program, job, tmp_path / "saved") == ("As it is better.", "ada")
    assert program.json("job", "approve", job, "--show") == {}
    again = program.try_("job", "approve", job, "--text", "Other.", "--json")
    assert (again.code, again.error["code"]) == (2, "review.decided")


def test_a_script_is_rejected_with_a_reason(program: Program) -> None:
    job = asking(program, "To be rejected.")
    assert program.run("job", "approve", job, "--reject", "not today").strip() == "rejected"
    shown = ended(program, job)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "review.rejected")
    assert "not today" in shown["error"]["message"]


def test_invalid_answers_are_refused(program: Program) -> None:
    job = asking(program, "Unharmed.")
    for arguments, code in (
        (("--text", "a", "--reject", "b"), "review.bad_answer"),
        (("--text", "  "), "review.bad_answer"),
        (("--file", "/nowhere/at/all"), "review.bad_answer"),
        (("--node", "script"), "review.not_waiting"),
    ):
        refused = program.try_("job", "approve", job, *arguments, "--json")
        assert (refused.code, refused.error["code"]) == (2, code)
    assert program.json("job", "approve", job, "--show")
    program.run("job", "cancel", job)


def test_a_job_without_a_question_accepts_no_answer(program: Program) -> None:
    job = str(program.json("submit", "-", "--wait", given=json.dumps(document(script(text="Silent."))))["jobId"])
    refused = program.try_("job", "approve", job, "--json")
    assert (refused.code, refused.error["code"]) == (2, "review.not_waiting")


@pytest.mark.models
@pytest.mark.slow
def test_a_watched_run_shows_the_question_and_continues(program: Program, tmp_path: Path) -> None:
    """The whole pipeline: speech recognition finds the edited text in the speech."""
    process = program.start(
        "run", "talking_head", "--portrait", "sample", "--script", "Nobody will hear this.", "--approve",
        "--without", "upscale", "--set", "animate.size=256", "--experiment", "approved",
    )  # fmt: skip
    assert process.stderr is not None
    read: list[str] = []
    while "--reject" not in "".join(read):
        read.append(process.stderr.readline())
        assert read[-1], "the command ended by itself"
    said = "".join(read)
    assert "Nobody will hear this." in said and "Approve the script before it is spoken." in said
    (line,) = program.json("job", "list", "--experiment", "approved")["jobs"]
    assert f"job approve {line['id']} --text" in said
    program.run("job", "approve", line["id"], "--text", "The sea is green today.")
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert "• review decided" in rest
    shown = program.json("job", "show", line["id"])
    assert shown["metrics"]["evaluate.word_error_rate"] == 0


@pytest.mark.models
def test_a_text_that_the_voice_cannot_speak_is_refused_with_its_field(program: Program) -> None:
    job = asking(program, "Readable.", speech())
    refused = program.try_("job", "approve", job, "--text", "Доброе утро.", "--json")
    assert refused.error["code"] == "node.bad_input"
    program.run("job", "approve", job)
    assert ended(program, job)["status"] == "completed"
