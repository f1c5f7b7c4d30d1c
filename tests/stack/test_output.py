"""Errors, exit codes and formats that all commands share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from schemas.errors import WorkbenchError
from schemas.stack import PartState, PartStatus
from workbench.cli.output import ExitCode, command, exit_code, print_json, print_table

app = typer.Typer(pretty_exceptions_enable=False)
RAISES = {
    "refused": WorkbenchError(
        "graph.bad_param", "steps is 9.", where="nodes.a.steps", seen=9, allowed="1-8", remedy="8."
    ),
    "failed": WorkbenchError("stack.part_failed", "bus did not start.", remedy="Look.", log="first\nlast words"),
    "nostack": WorkbenchError("bus.unreachable", "The bus does not respond.", remedy="workbench up"),
    "bug": RuntimeError("the unexpected"),
    "interrupted": KeyboardInterrupt(),
}


@app.command()
@command
def ask(what: str, as_json: bool = typer.Option(False, "--json")) -> None:
    if what in RAISES:
        raise RAISES[what]
    print_json({"done": what}) if as_json else print_table(("name", "state"), [(what, None)])


def run(*arguments: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, list(arguments))
    return answer.exit_code, answer.stdout, answer.stderr


def test_an_error_says_what_where_seen_allowed_and_remedy() -> None:
    code, _, text = run("refused")
    assert code == ExitCode.REFUSED
    assert text.splitlines() == [
        "error: steps is 9.",
        "  where: nodes.a.steps",
        "  seen: 9",
        "  allowed: 1-8",
        "  remedy: 8.",
        "  code: graph.bad_param",
    ]


def test_the_same_error_as_json() -> None:
    code, text, _ = run("refused", "--json")
    assert code == ExitCode.REFUSED
    assert json.loads(text)["error"]["details"] == {
        "where": "nodes.a.steps",
        "seen": 9,
        "allowed": "1-8",
        "remedy": "8.",
    }


def test_a_log_is_shown_below_the_error() -> None:
    code, _, text = run("failed")
    assert code == ExitCode.FAILED
    assert "  log:\n    first\n    last words\n" in text


@pytest.mark.parametrize(("what", "code"), [("nostack", ExitCode.NO_STACK), ("interrupted", ExitCode.INTERRUPTED)])
def test_exit_codes(what: str, code: ExitCode) -> None:
    assert run(what)[0] == code


def test_every_code_has_an_exit_code() -> None:
    from schemas.errors import ERROR_CODES

    codes = {exit_code(WorkbenchError(code, "")) for code in ERROR_CODES}
    assert codes == {ExitCode.FAILED, ExitCode.REFUSED, ExitCode.NO_STACK}


def test_a_bug_is_one_line_and_its_traceback_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.delenv("WORKBENCH_DEBUG", raising=False)
    code, _, text = run("bug")
    assert code == ExitCode.BUG
    assert len(text.splitlines()) == 1 and "the unexpected" in text and "cli.log" in text
    assert "Traceback" in (tmp_path / "logs" / "cli.log").read_text()


def test_a_bug_shows_itself_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DEBUG", "1")
    answer = CliRunner().invoke(app, ["bug"])
    assert isinstance(answer.exception, RuntimeError)


def test_bad_usage_is_typers_own_message() -> None:
    code, _, text = run("--no-such-option")
    assert code == ExitCode.REFUSED
    assert "No such option" in text


def test_into_a_pipe_a_table_is_tab_separated() -> None:
    assert run("x")[1] == "name\tstate\nx\t\n"


def test_models_are_printed_in_camel_case(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(PartStatus(name="bus", state=PartState.UP, last_exit="exit code 1"))
    assert json.loads(capsys.readouterr().out)["lastExit"] == "exit code 1"
