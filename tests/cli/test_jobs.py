"""Jobs from the command line: submit, repeat, watch, cancel, list."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nodes._samples import sample_portrait
from schemas.event import Event
from tests.cli.graphs import document, script, speech
from tests.cli.program import Program
from tests.cli.tracking import Run
from tests.stack.conditions import wait_for
from workbench.engine.accept import warnings_of

pytestmark = pytest.mark.stack

CHAIN = document(script(), speech(), edges=(("script", "speech"),))


def long_render(name: str) -> dict[str, Any]:
    """A job that takes minutes: forty words in large frames at a high rate."""
    text = f"{name}. " + "One two three four five six seven eight nine ten. " * 4
    image = {"kind": "image", "sha256": "a8458e74235875d09f9dd67050f6093fb5f6ca6e60a5aa8c891a2973fc153f37"}
    animate = {
        "id": "animate",
        "service": "generate.portrait_animation",
        "params": {"size": 1024, "fps": 60},
        "input": {"image": image},
    }
    return document(script(text=text), speech(), animate, edges=(("script", "speech"), ("speech", "animate")))


def submitted(program: Program, graph: dict[str, Any], *arguments: str) -> str:
    return str(program.json("submit", "-", *arguments, given=json.dumps(graph))["jobId"])


def status(program: Program, job: str) -> str:
    return str(program.json("job", "show", job)["status"])


def running(program: Program, job: str, node: str) -> bool:
    return any((item["id"], item["status"]) == (node, "running") for item in program.json("job", "show", job)["nodes"])


def test_submit_waits_for_the_end_of_the_job(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(document(script(text="Waited for."))))
    shown = program.json("submit", str(path), "--wait", "--experiment", "patience")
    assert (shown["status"], shown["video"], shown["error"]) == ("completed", None, None)
    assert [node["id"] for node in shown["nodes"]] == ["script"]
    (line,) = program.json("job", "list", "--experiment", "patience")["jobs"]
    assert (line["id"], line["status"]) == (shown["jobId"], "completed")


def test_the_same_key_is_the_same_job(program: Program) -> None:
    graph = document(script(text="Once only."))
    job = submitted(program, graph, "--key", "once")
    before = program.jobs()
    assert submitted(program, graph, "--key", "once") == job
    other = program.try_("submit", "-", "--key", "once", "--json", given=json.dumps(document(script(text="Other."))))
    assert (other.code, other.error["code"]) == (2, "job.key_reused")
    assert program.jobs() == before


def test_without_json_a_submit_prints_the_id_and_nothing_else(program: Program) -> None:
    job = program.run("submit", "-", given=json.dumps(document(script(text="Plain.")))).strip()
    assert status(program, job) in ("accepted", "running", "completed")


@pytest.mark.models
def test_a_job_can_be_watched_from_any_event_in_numbered_lines(program: Program) -> None:
    job = submitted(program, CHAIN)
    lines = program.run("job", "watch", job, "--json").splitlines()
    events = [Event.model_validate_json(line) for line in lines]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [(event.type.value, event.node) for event in events] == [
        ("job.accepted", ""),
        ("node.running", "script"),
        ("node.completed", "script"),
        ("node.running", "speech"),
        ("node.first_part", "speech"),
        ("node.completed", "speech"),
        ("job.completed", ""),
    ]
    rest = program.run("job", "watch", job, "--json", "--after", events[2].cursor).splitlines()
    assert rest == lines[3:]


@pytest.mark.models
def test_in_a_pipe_progress_is_printed_as_plain_lines_before_the_report(program: Program) -> None:
    job = submitted(program, document(script(text="Lines, not bars."), speech(), edges=(("script", "speech"),)))
    ended = program.try_("job", "watch", job)
    assert ended.code == 0
    assert [line.split(" ")[:3] for line in ended.err.splitlines() if line.startswith("✓")] == [
        ["✓", "script", "completed"],
        ["✓", "speech", "completed"],
    ]
    assert "\x1b" not in ended.out + ended.err
    assert "node\tservice\tplane\tstatus" in ended.out
    assert f"{job}  completed" in ended.out


@pytest.mark.models
def test_a_failed_job_prints_the_reason_and_exits_with_1(program: Program) -> None:
    probe = {"id": "probe", "service": "probe.data", "params": {"bad_input": True}}
    graph = json.dumps(document(script(), probe, edges=(("script", "probe"),)))
    ended = program.try_("submit", "-", "--wait", "--json", given=graph)
    assert ended.code == 1
    shown = ended.json
    assert (shown["status"], shown["error"]["code"]) == ("failed", "node.bad_input")
    assert {node["id"]: node["status"] for node in shown["nodes"]} == {"script": "completed", "probe": "failed"}
    assert shown["error"]["details"]["remedy"]
    assert program.try_("job", "watch", shown["jobId"], "--json").code == 1
    text = program.try_("job", "watch", shown["jobId"])
    assert text.code == 1
    assert "remedy: " in text.out and "Traceback" not in text.out + text.err


@pytest.mark.models
@pytest.mark.slow
def test_a_running_job_stays_cancelled(program: Program) -> None:
    program.run("upload", "sample")
    job = submitted(program, long_render("Cancelled"))
    wait_for(lambda: running(program, job, "animate"))
    assert program.json("job", "cancel", job) == {"jobId": job, "cancelled": True}
    wait_for(lambda: status(program, job) == "cancelled")
    nodes = {node["id"]: node["status"] for node in program.json("job", "show", job)["nodes"]}
    assert nodes == {"script": "completed", "speech": "completed", "animate": "cancelled"}
    assert program.json("job", "cancel", job) == {"jobId": job, "cancelled": False}, "a second cancel changes nothing"
    assert program.try_("job", "watch", job).code == 1
    free_again = document(script(text="The worker is free."), speech(), edges=(("script", "speech"),))
    after = submitted(program, free_again)
    wait_for(lambda: status(program, after) == "completed")


@pytest.mark.models
def test_ctrl_c_stops_watching_but_not_the_job(program: Program) -> None:
    words = "Nobody watches this sentence to its end. " * 2
    process = program.start(
        "run", "talking_head", "--portrait", "sample", "--script", words, "--without", "upscale",
        "--without", "evaluate", "--set", "animate.size=256", "--experiment", "unwatched",
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    while "completed" not in first:
        assert first, "the command ended by itself"
        first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    (line,) = program.json("job", "list", "--experiment", "unwatched")["jobs"]
    assert f"workbench job watch {line['id']}" in err
    wait_for(lambda: status(program, line["id"]) == "completed")
    shown = program.json("job", "show", line["id"])
    assert Path(shown["video"]).stat().st_size > 10_000


def test_a_detached_run_prints_its_id(program: Program) -> None:
    answer = program.json("run", "talking_head", "--portrait", "sample", "--script", "Bye.", "--detach")
    assert set(answer) == {"jobId", "unserved", "warnings", "streams"} and answer["unserved"] == []
    program.json("job", "cancel", answer["jobId"])
    wait_for(lambda: status(program, answer["jobId"]) in ("cancelled", "completed"))


def test_what_to_expect_of_a_portrait_is_printed_at_submit(program: Program, tmp_path: Path) -> None:
    """A photo that is upside-down and very dark runs: it is turned, and both are said on standard error."""
    with Image.open(sample_portrait(tmp_path)) as upright:
        upright.point(lambda value: value * 15 // 100).rotate(180).save(tmp_path / "portrait.png")
    given = ("run", "talking_head", "--portrait", str(tmp_path / "portrait.png"), "--script", "Hello.", "--detach")
    shown = program.try_(*given)
    assert shown.code == 0, shown.err
    words = " ".join(shown.err.split())
    assert "Warning: portrait: The image was upside-down; it is turned upright." in words
    assert "Warning: node animate: The face is very dark." in words
    assert re.search(r"In parts, while more are made: .*remux takes animate", words)
    assert max(len(line) for line in shown.err.splitlines()) <= 80
    kept = warnings_of(program.client.job(shown.out.strip()).graph)
    assert [one.where for one in kept] == ["portrait", "node animate"]
    program.json("job", "cancel", shown.out.strip())


def test_jobs_are_listed_newest_first_and_filtered(program: Program) -> None:
    for number in range(3):
        submitted(program, document(script(text=f"Number {number}.")), "--experiment", "listed")
    page = wait_for(
        lambda: (
            (page := program.json("job", "list", "--experiment", "listed", "--status", "completed"))["total"] == 3
            and page
        ),
        20,
    )
    created = [line["createdAt"] for line in page["jobs"]]
    assert created == sorted(created, reverse=True)
    assert len(program.json("job", "list", "--experiment", "listed", "--limit", "2")["jobs"]) == 2
    assert program.json("job", "list", "--experiment", "listed", "--status", "failed")["total"] == 0
    text = program.run("job", "list", "--experiment", "listed").splitlines()
    assert text[0].split("\t")[:3] == ["job", "status", "pipeline"]
    assert [row.split("\t")[0] for row in text[1:]] == [line["id"] for line in page["jobs"]]


def test_jobs_are_listed_as_a_table_and_marked(program: Program) -> None:
    for value in ("short", "a longer one"):
        probe = {"id": "a", "service": "probe.data", "params": {"value": value}}
        submitted(program, document(probe), "--experiment", "tabled")
    here = ("job", "list", "--experiment", "tabled")
    wait_for(lambda: program.json(*here, "--status", "completed")["total"] == 2, 20)
    name, column = "a.length", "metric:a.length"
    rows = program.json(*here, "--sort", f"-{column}", "--columns", column, "--metric", f"{name}>=0")["jobs"]
    assert [line["values"][column] for line in rows] == [12.0, 5.0]
    marked = program.json("job", "mark", rows[1]["id"], "--star", "--rating", "4", "--tag", "best")
    assert marked == [{"jobId": rows[1]["id"], "starred": True, "rating": 4, "tags": ["best"]}]
    assert [line["id"] for line in program.json(*here, "--starred", "--rating", "4", "--tag", "best")["jobs"]] == [
        rows[1]["id"]
    ]
    head, *lines = program.run(*here, "--csv", "--columns", column).splitlines()
    assert head.split(",")[-1] == column and len(lines) == 2
    shown = program.run(*here, "--columns", column).splitlines()[0].split("\t")
    assert "★" in shown and name in shown
    refused = program.try_("job", "list", "--metric", "a<b")
    assert refused.code == 2 and "name<=number" in refused.err


def test_finished_jobs_are_deleted_with_their_runs_in_mlflow(program: Program) -> None:
    graph = json.dumps(document(script(text="To be deleted.")))
    shown = program.json("submit", "-", "--wait", "--experiment", "deleted", given=graph)
    again = program.json("job", "rerun", shown["jobId"])
    run = Run(shown["mlflowRun"])
    assert not run.deleted
    both = [shown["jobId"], again["jobId"]]
    assert program.json("job", "delete", "--yes", *both) == [
        {"jobId": job, "deleted": True, "notes": []} for job in both
    ]
    assert run.deleted
    for job in both:
        assert program.try_("job", "show", job).code == 2
    refused = program.try_("job", "delete", shown["jobId"], "--yes", "--json")
    assert refused.code == 2 and refused.error["code"] == "job.unknown"
    assert program.json("job", "list", "--experiment", "deleted")["total"] == 0
