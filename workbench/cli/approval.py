"""What a job asks a person, on a terminal."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.approval import Question
from schemas.errors import WorkbenchError
from schemas.event import Event, EventType, NodeWait
from workbench.cli.output import print_json
from workbench.cli.report import this_program
from workbench.client.bench import Bench


def open_questions(events: Sequence[Event]) -> list[Question]:
    """What is asked at the end of these events: a job that is watched late may have its answers already."""
    last = {event.node: event for event in events if event.node}
    waits = [NodeWait.model_validate(event.data) for event in last.values() if event.type is EventType.NODE_WAITING]
    return [wait.question for wait in waits if wait.question is not None]


def how_to_answer(job: str, question: Question) -> str:
    """What a person reads who watches the job."""
    program = shlex.quote(this_program())
    text = "\n".join(f"    {line}" for line in question.text.splitlines())
    return (
        f"{question.sentence}\n\n{text}\n\n"
        f"  as it is:   {program} job approve {job}\n"
        f"  changed:    {program} job approve {job} --text '…'   (or --file FILE)\n"
        f"  not at all: {program} job approve {job} --reject 'why'"
    )


def answer_text(text: str | None, file: Path | None, reject: str | None) -> str | None:
    """The person's text, from either option. Raises WorkbenchError (review.bad_answer) where the options contradict."""
    named = {"--text": text, "--file": file, "--reject": reject}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise WorkbenchError(
            "review.bad_answer",
            f"{' and '.join(given)} contradict each other",
            where="job approve",
            seen=given,
            allowed="one of --text, --file and --reject, or none to approve the text as it is",
            remedy="Give one of them.",
        )
    if file is None:
        return text
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkbenchError(
            "review.bad_answer",
            f"the text cannot be read: {error}",
            where=f"--file {file}",
            allowed="a text file in UTF-8",
            remedy="Correct the path, or save the file as UTF-8.",
        ) from error


def login_name() -> str:
    """Who sits at this terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in the list of users, as in some containers
        return "local"


def print_questions(bench: Bench, job: str, *, as_json: bool) -> None:
    """Print what the job asks now."""
    asked = bench.awaited(job)
    if as_json:
        print_json({node: question.model_dump(mode="json") for node, question in asked.items()})
    elif not asked:
        print("nobody is asked for an answer")
    for node, question in asked.items() if not as_json else ():
        print(f"{node}: {how_to_answer(job, question)}")
