"""The option ``--consent``, and the question at a terminal where it is missing."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from schemas.errors import WorkbenchError

if TYPE_CHECKING:
    from schemas.consent import Consent
    from workbench.client.deployment import Deployment

T = TypeVar("T")
WIDTH = 80
Said = Annotated[
    str | None,
    typer.Option(
        "--consent",
        metavar="NAME",
        help="Your name: you state that everybody seen or heard in the files agreed. Recorded for these files.",
    ),
]


def said(name: str | None) -> Consent | None:
    """The consent of the option. Raises WorkbenchError (request.invalid) for a blank name."""
    from workbench.client.consent_records import said_by

    return said_by(name)


def asking(deployment: Deployment, submit: Callable[[], T]) -> T:
    """Submit. If a consent is missing and a person is at a terminal, ask once for this home, and submit again."""
    try:
        return submit()
    except WorkbenchError as error:
        if error.code != "consent.missing" or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        name = _ask(error)
        if not name:
            raise
    from workbench.client.consent_records import give_for_home

    give_for_home(deployment, name)
    return submit()


def _ask(error: WorkbenchError) -> str:
    """The name that the person types; empty if the person does not agree."""
    about = f"{error.message[:1].upper()}{error.message[1:]}. If you type your name, you state once for all files of "
    about += f'this home: "{error.allowed}" `workbench consent withdraw` ends it.'
    print(textwrap.fill(about, WIDTH), file=sys.stderr)
    answer: str = typer.prompt("Your name (empty: no)", default="", show_default=False, err=True)
    return answer.strip()
