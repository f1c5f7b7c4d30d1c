"""``workbench vote …``: studies of blind votes: create, list, show, link, revoke, export, close."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import WorkbenchError
from workbench.cli.output import Json, command, print_answer, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.vote import AxisResult, StudyInFull

StudyId = Annotated[str, typer.Argument(help="Id of a study; `workbench vote list` shows them.")]
group = typer.Typer(
    name="vote", no_args_is_help=True, help="Blind votes: create, list, show, link, revoke, export, close, delete."
)


@group.command()
@command
def create(
    name: Annotated[str, typer.Argument(help="Name of the study. Raters never see it.")],
    job: Annotated[list[str] | None, typer.Argument(help="Ids of completed jobs with a video.")] = None,
    sweep: Annotated[str | None, typer.Option(help="All completed jobs of this sweep.")] = None,
    axis: Annotated[list[str] | None, typer.Option(help="What is voted on. Repeatable; by default four axes.")] = None,
    pairs: Annotated[int, typer.Option(min=1, max=1000, help="Pairs that each rater is asked for.")] = 30,
    repeats: Annotated[float, typer.Option(min=0, max=0.5, help="Share of pairs that come again.")] = 0.1,
    question: Annotated[str, typer.Option(help="What raters read first.")] = "",
    as_json: Json = False,
) -> None:
    """Create a study of jobs, or of a sweep, and print its id."""
    from pydantic import ValidationError

    from schemas.problem import invalid
    from schemas.vote import StudyRequest
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    settings = {"pairs": pairs, "repeats": repeats, "question": question} | ({"axes": axis} if axis else {})
    try:
        asked = StudyRequest.model_validate({"name": name, "jobs": job or [], "sweep": sweep, "settings": settings})
    except ValidationError as error:
        raise invalid(error, "request.invalid", model=StudyRequest, remedy="Correct the option.") from None
    made = studies.create(connect(), LOCAL, asked)
    print_answer(made, made.id, as_json)


@group.command("list")
@command
def list_(as_json: Json = False) -> None:
    """List studies, newest first."""
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    found = studies.listed(connect(), LOCAL, limit=1000)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.id, one.name, one.state.value, one.items, one.pairs, one.raters, _day(one.created))
        for one in found.studies
    ]
    if not rows:
        print("There are no studies yet. Create one: `workbench vote create NAME JOB JOB …`.")
        return
    print_table(("study", "name", "state", "videos", "pairs", "raters", "created"), rows)


@group.command()
@command
def show(study: StudyId, as_json: Json = False) -> None:
    """Show the ranking on each axis, the agreement, and the correlations with metrics."""
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    found = studies.show(connect(), LOCAL, study)
    if as_json:
        print_json(found)
        return
    print(f"{found.name}: {found.state.value}, {found.pairs} pairs by {found.raters} raters")
    for axis in found.results.axes:
        _print_axis(found, axis)


@group.command()
@command
def link(
    study: StudyId,
    name: Annotated[str, typer.Argument(help="Name of the link, such as who gets it.")],
    days: Annotated[float, typer.Option(min=0.001, max=366, help="It ends after so many days.")] = 14,
    raters: Annotated[int, typer.Option(min=1, max=1000, help="Browsers that may use it.")] = 1,
    pairs: Annotated[int | None, typer.Option(min=1, help="Pairs that may be answered with it.")] = None,
    as_json: Json = False,
) -> None:
    """Print a new link for raters without an account. It is shown only now."""
    from schemas.name import checked_name
    from schemas.vote import LinkRequest
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    asked = LinkRequest(
        name=checked_name(name, "NAME"), expires_in_s=days * 86400, most_pairs=pairs, most_raters=raters
    )
    deployment = connect()
    made = studies.add_link(deployment, LOCAL, study, asked)
    print_answer(made, f"{deployment.settings.app_url}{made.path}", as_json)


@group.command()
@command
def revoke(study: StudyId, name: Annotated[str, typer.Argument(help="Name of the link.")]) -> None:
    """End a link at once. Its votes stay."""
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    studies.revoke_link(connect(), LOCAL, study, name)
    print(f"the link {name} is revoked")


@group.command()
@command
def export(
    study: StudyId,
    out: Annotated[Path | None, typer.Argument(help="A .csv or .json file; by default CSV on stdout.")] = None,
    as_json: Json = False,
) -> None:
    """Write all votes as they were given."""
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise WorkbenchError(
            "request.invalid",
            "the format is not known from the name",
            where="OUT",
            seen=out.name,
            allowed=".csv or .json",
            remedy="Choose another name.",
        )
    found = studies.export(connect(), LOCAL, study)
    csv = not as_json if out is None else out.suffix.lower() == ".csv"
    text = studies.as_csv(found) if csv else found.to_json().decode() + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    staging = out.with_name(f".{out.name}.part")
    staging.write_text(text, encoding="utf-8", newline="")
    staging.replace(out)
    print(f"{len(found.votes)} votes in {out}")


@group.command()
@command
def close(study: StudyId, as_json: Json = False) -> None:
    """End the voting. Everything stays; `reopen` goes on."""
    _set_state(study, again=False, as_json=as_json)


@group.command()
@command
def reopen(study: StudyId, as_json: Json = False) -> None:
    """Accept votes again."""
    _set_state(study, again=True, as_json=as_json)


@group.command()
@command
def delete(study: StudyId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a study with its votes and links. The compared jobs stay."""
    from workbench.cli.confirmation import confirm
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    deployment = connect()
    found = studies.find(deployment, LOCAL, study)
    confirm(f"Delete the study {found.name} and all its votes?", yes)
    studies.remove(deployment, LOCAL, study)
    print(f"deleted {found.name}")


def _set_state(study: str, *, again: bool, as_json: bool) -> None:
    from workbench.client.access import LOCAL
    from workbench.client.votes import studies

    found = studies.close(connect(), LOCAL, study, again=again)
    print_answer(found, f"{found.name} is {found.state.value}", as_json)


def _print_axis(study: StudyInFull, axis: AxisResult) -> None:
    print(f"\n{axis.axis}: {axis.votes} votes")
    rows = [
        (
            one.rank or "",
            study.contents[one.item].label + (" (deleted)" if study.contents[one.item].gone else ""),
            f"{one.strength:+.2f}",
            "" if one.low is None else f"{one.low:+.2f}",
            "" if one.high is None else f"{one.high:+.2f}",
            f"{one.wins:.0%}",
            one.votes,
        )
        for one in axis.ranking
    ]
    print_table(("rank", "run", "strength", "low", "high", "won", "votes"), rows)
    if axis.alpha is not None:
        print(f"Krippendorff's alpha {axis.alpha:.2f} over {axis.shared_pairs} pairs")
    if axis.consistency is not None:
        print(f"same vote on {axis.consistency:.0%} of {axis.repeats} repeated pairs")
    for one in axis.correlations:
        ends = "" if one.low is None or one.high is None else f" ({one.low:+.2f} to {one.high:+.2f})"
        print(f"{one.metric}: rho {one.rho:+.2f}{ends} over {one.items} runs")


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
