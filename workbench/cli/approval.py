"""Approvals on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.cli.output import print_json
from workbench.client.deployment import Deployment
from workbench.client.review import awaited
from workbench.terminal.questions import how_to_answer


def answer_text(text: str | None, file: Path | None, reject: str | None) -> str | None:
    """The user's text, from either option. Raises WorkbenchError (review.bad_answer) for contradicting options."""
    named = {"--text": text, "--file": file, "--reject": reject}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise WorkbenchError(
            "review.bad_answer",
            f"{' and '.join(given)} contradict each other",
            where="job approve",
            seen=given,
            allowed="one of --text, --file and --reject, or none to approve the text unchanged",
            remedy="Use only one of them.",
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


def print_questions(deployment: Deployment, job: str, *, as_json: bool) -> None:
    """Print the approvals that the job waits for."""
    questions = awaited(deployment, job)
    if as_json:
        print_json(questions)
    elif not questions:
        print("the job does not wait for an approval")
    else:
        for node, question in questions.items():
            print(f"{node}: {how_to_answer(job, question)}")
