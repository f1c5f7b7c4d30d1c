"""Consent at the command line: the option, the question at a terminal, the group `consent`, and erasures by it."""

from __future__ import annotations

import json
import os
import pty
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.graphs import document
from tests.cli.program import ROOT, Program
from workbench.store.consents import Chosen

pytestmark = [pytest.mark.stack, pytest.mark.slow]
ADA = "Ada Lovelace"


@pytest.fixture
def strict(program: Program, tmp_path: Path) -> Iterator[Program]:
    """A client of the stack without WORKBENCH_CONSENT."""
    settings = program.client.settings
    names = ("namespace", "bus_url", "s3_url", "s3_access_key", "s3_secret_key", "sql_url")
    urls = {f"WORKBENCH_{name.upper()}": str(getattr(settings, name)) for name in names}
    strict = Program(tmp_path / "home", **urls)
    del strict.environment["WORKBENCH_CONSENT"]
    yield strict
    for one in program.client.consents.listed():
        program.client.consents.drop(Chosen(name=one.name))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.frombytes("RGB", (16, 16), secrets.token_bytes(768)).save(path)
    return path


@pytest.fixture
def submit(strict: Program, portrait: Path, tmp_path: Path) -> list[str]:
    """A command that submits a graph with the portrait, which is uploaded."""
    node = {
        "id": "up",
        "service": "generate.upscale_image",
        "input": {"image": json.loads(strict.run("upload", str(portrait)))},
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(document(node)))
    return ["submit", str(path)]


def at_a_terminal(program: Program, arguments: list[str], typed: str) -> tuple[int, str]:
    """Exit code and output of a command at a terminal at which a person types."""
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench.cli.main", *arguments],
        cwd=ROOT, env={**program.environment, "COLUMNS": "80"}, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(own, typed.encode())
    output = b""
    while True:
        try:
            output += os.read(own, 4096)
        except OSError:  # the end of a terminal
            break
    os.close(own)
    return process.wait(60), output.decode().replace("\r\n", "\n")


def noted(program: Program, job: str) -> tuple[str, str]:
    """Who said it, and how it was given, in the record of a job."""
    consent = program.client.job(job).graph.metadata["consent"]
    return consent["by"], consent["source"]


def test_without_a_terminal_it_is_refused_with_the_option_that_gives_it(
    strict: Program, program: Program, submit: list[str], portrait: Path
) -> None:
    before = program.jobs()
    run = ["run", "talking_head", "--portrait", str(portrait), "--script", "Good morning."]
    for command in (submit, run):
        error = strict.try_(*command, "--json")
        assert (error.code, error.error["code"]) == (2, "consent.missing")
        assert '--consent "YOUR NAME"' in error.error["details"]["remedy"]
    assert error.error["details"]["where"] == "portrait"
    assert program.jobs() == before
    job = strict.json(*submit, "--consent", ADA)["jobId"]
    again = strict.json("job", "rerun", job, "--detach")["jobId"]
    assert noted(program, job) == noted(program, again) == (ADA, "file")


def test_at_a_terminal_a_person_is_asked_once_for_the_home(
    strict: Program, program: Program, submit: list[str]
) -> None:
    code, shown = at_a_terminal(strict, submit, "\n")
    assert code == 2 and "consent.missing" in shown and "Everybody who is seen or heard" in shown
    assert max(map(len, shown.partition("Your name")[0].splitlines())) <= 80
    code, shown = at_a_terminal(strict, submit, f"{ADA}\n")
    assert code == 0, shown
    assert noted(program, shown.split()[-1]) == noted(program, strict.json(*submit)["jobId"]) == (ADA, "home")
    assert f"{ADA}\tthis home\thome\tlocal" in strict.run("consent", "list")


def test_a_person_withdraws_and_everything_is_found_by_the_name(
    strict: Program, program: Program, submit: list[str], portrait: Path
) -> None:
    [given] = strict.json("consent", "give", str(portrait), "--name", ADA)
    job = strict.json(*submit)["jobId"]
    assert noted(program, job) == (ADA, "file")
    assert f"{ADA}\t{given['sha256'][:12]} me.png\tfile" in strict.run("consent", "list")
    assert f'workbench erase consent:"{ADA}"' in " ".join(strict.run("consent", "withdraw", ADA).split())
    refused = strict.try_(*submit, "--json")
    assert (refused.code, refused.error["code"]) == (2, "consent.withdrawn")
    foreseen = strict.json("erase", f"consent:{ADA}", "--dry-run")
    assert foreseen["jobs"] == [job] and foreseen["dryRun"] and program.client.store.get(job)
    report = strict.json("erase", "--consent", ADA, "--cancel", "--yes")
    assert report["jobs"] == [job] and {"consents", "uploads"} <= {one["kind"] for one in report["removed"]}
    assert ADA not in strict.run("consent", "list")
