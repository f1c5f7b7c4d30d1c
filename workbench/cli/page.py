"""``workbench open`` and ``workbench token``: the page of the running stack and its token."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from schemas.errors import WorkbenchError
from workbench.cli.browser import open_page, private_page
from workbench.cli.output import Json, command, print_answer
from workbench.settings import default_home


@command
def open_(
    job: Annotated[str, typer.Argument(help="The job to show; default: the first page.")] = "",
    as_json: Json = False,
) -> None:
    """Open the page of the running stack with its token. On a terminal, also print the address with the token."""

    place = default_home()
    page = wait_for_page(place)
    if not page:
        raise WorkbenchError(
            "stack.not_running",
            "the page of this home does not respond",
            where=str(place),
            remedy="Start the stack with `workbench up`, or check `workbench status`.",
        )
    plain = f"{page}/?job={quote(job, safe='')}" if job else f"{page}/"
    print_answer({"url": plain}, address(place, plain) if sys.stdout.isatty() else plain, as_json)
    sys.stdout.flush()
    show_page(place, plain)


@command
def token(
    new: Annotated[
        bool, typer.Option("--new", help="Create a new token, which the stack uses from its next start on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the token that opens the page and its API on this machine. Treat it like a password."""
    from workbench.embedded.credentials import credentials, new_app_token
    from workbench.embedded.home import prepare_home

    place = default_home()
    prepare_home(place)
    running = token_of_stack(place)
    if new:
        found = new_app_token(place)
        if running and sys.stderr.isatty():
            print(
                "The new token is valid from the next start on: `workbench down`, then `workbench up`.", file=sys.stderr
            )
    else:
        found = running or credentials(place)["app_token"]
    print_answer({"token": found}, found, as_json)


def wait_for_page(home: Path) -> str:
    """The address of the page once it responds; "" if it fails, does not start in five minutes, or is left out."""
    from schemas.stack import PartState
    from workbench.embedded.part import START_TIMEOUT_S
    from workbench.embedded.stack import status as ask

    until = time.monotonic() + START_TIMEOUT_S
    while (page := ask(home).part("app")).state is PartState.STARTING and time.monotonic() < until:
        time.sleep(0.2)
    return page.url or "" if page.state in (PartState.UP, PartState.EXTERNAL) else ""


def token_of_stack(home: Path) -> str:
    """The token of the stack that runs in this home; "" if none runs or it needs no token."""
    from workbench.settings import load_settings

    return load_settings(home=home).app_token


def address(home: Path, page: str) -> str:
    """The address of a page including the token. Only show it to the user, and never log it."""
    found = token_of_stack(home)
    return f"{page}{'&' if '?' in page else '?'}token={found}" if found else page


def show_page(home: Path, page: str) -> None:
    """Open the page in a browser by a file that redirects, because every account can read command lines."""
    secret = address(home, page)
    open_page(secret if secret == page else private_page(secret, home / "run" / "open.html"))
