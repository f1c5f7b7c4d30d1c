"""``workbench consent …``: give, list and withdraw consents."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import WorkbenchError
from workbench.cli.consent_option import WIDTH
from workbench.cli.output import Json, command, print_answer, print_json, print_table

if TYPE_CHECKING:
    from schemas.consent import ConsentRecord
    from workbench.client.deployment import Deployment

group = typer.Typer(
    name="consent",
    no_args_is_help=True,
    help="Consents of the people in portraits and recordings: give, list, withdraw.",
)


@group.command()
@command
def give(
    name: Annotated[str, typer.Option(help="Your name.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]…", help="Only for these files; default: for this home.")
    ] = None,
    as_json: Json = False,
) -> None:
    """State that everybody who is seen or heard agreed: once for this home, or for some files."""
    from workbench.cli.run import connect
    from workbench.client.consent_records import give_for_file, give_for_home

    deployment = connect(start=True, quiet=as_json)
    if files:
        made = give_for_file(deployment, [_digest(deployment, file) for file in files], name)
    else:
        made = [give_for_home(deployment, name)]
    if as_json:
        print_json([one.model_dump(mode="json", by_alias=True) for one in made])
        return
    what = f"{len(made)} file{'s' if len(made) > 1 else ''}" if files else "all files of this home"
    print(textwrap.fill(f'recorded for {what}: {made[0].name}: "{made[0].text}"', WIDTH))


@group.command("list")
@command
def list_(as_json: Json = False) -> None:
    """List the recorded consents, newest first. Times are UTC."""
    from workbench.cli.run import connect

    found = connect().consents.listed()
    if as_json:
        print_json({"consents": [one.model_dump(mode="json", by_alias=True) for one in found]})
    elif found:
        rows = [(one.name, _target(one), one.source.value, one.owner, _time(one.at), _state(one)) for one in found]
        print_table(("name", "for", "given", "owner", "at", "state"), rows, {"withdrawn": "yellow"}, wide=("owner",))
    else:
        print('No consent is recorded. `workbench consent give --name "YOUR NAME"` records one for this home.')


@group.command()
@command
def withdraw(
    name: Annotated[str, typer.Argument(help="The name in the records; `workbench consent list` shows them.")],
    file: Annotated[
        Path | None, typer.Option(metavar="FILE|DIGEST", help="Only for this file.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Withdraw what a person consented to. Later jobs with these files are refused; erase them with `erase`."""
    from workbench.cli.run import connect
    from workbench.client.consent_records import next_steps
    from workbench.client.consent_records import withdraw as withdraw_consent

    deployment = connect()
    sha256 = _digest(deployment, file) if file else None
    answer = withdraw_consent(deployment, name, sha256=sha256)
    files = f"{len(answer.files)} file{'' if len(answer.files) == 1 else 's'}"
    done = f"withdrawn: {files} of {name}" if answer.withdrawn else f"{name} had withdrawn before: {files}"
    print_answer(answer, textwrap.fill(f"{done}. {next_steps(name, sha256)}", WIDTH, break_on_hyphens=False), as_json)


def _digest(deployment: Deployment, file: Path) -> str:
    """The digest of a file as it is stored. Raises WorkbenchError (consent.unknown) if there is no such file."""
    from workbench.client.deletion import digests_of

    if file.expanduser().is_file():
        return digests_of(deployment, file.expanduser())[-1]
    begins = str(file)
    known = {one.sha256 for one in deployment.consents.listed() if one.sha256}
    known |= {ref.sha256 for ref, _ in deployment.grants.uploads("local")}
    found = [sha256 for sha256 in known if len(begins) >= 6 and sha256.startswith(begins)]
    if len(found) == 1:
        return found[0]
    raise WorkbenchError(
        "consent.unknown",
        f"{len(found)} files have a digest with this prefix" if found else f"there is no file {begins}",
        where="FILE",
        seen=begins,
        allowed="the path of a file, or six or more digits of the digest of an uploaded file",
        remedy="`workbench consent list` and `workbench upload --list` show digests.",
    )


def _target(one: ConsentRecord) -> str:
    return " ".join(filter(None, (one.sha256[:12], one.file))) or "this home"


def _state(one: ConsentRecord) -> str:
    return "" if one.withdrawn_at is None else "withdrawn"


def _time(at: float) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))
