"""``workbench compare``: videos side by side, as a table or as one HTML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import Json, command, print_json, print_table
from workbench.cli.run import connect


@command
def compare(
    videos: Annotated[
        list[str],
        typer.Argument(
            help="2 to 9 videos: a job (its result), JOB:node.output, the digest of an uploaded video, or a video file."
        ),
    ],
    page: Annotated[
        Path | None,
        typer.Option("--html", help="Write one HTML file with the player, which opens without a network."),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the HTML file.")] = "",
    as_json: Json = False,
) -> None:
    """Compare videos: what differs between their runs, their metrics, and with --html a player for all of them.

    The HTML file holds signed copies of the videos. A job that is gone is said to be missing, and the rest is shown.
    """
    from workbench.client.access import LOCAL
    from workbench.client.comparison.compare import compare as compared
    from workbench.client.comparison.outside import given_names
    from workbench.client.comparison.tables import better_text, cell_text, number_text

    deployment = connect()
    names = given_names(deployment, videos)
    if page is not None:
        from workbench.client.comparison.export import export

        made = export(deployment, LOCAL, names, title=title)
        written(page, made.text)
        for sentence in [*made.comparison.notes, *made.unsigned]:
            print(sentence, file=sys.stderr)
        if as_json:
            print_json(made.comparison)
        else:
            print(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
        return
    found = compared(deployment, LOCAL, names)
    if as_json:
        print_json(found)
        return
    heads = [video.label for video in found.videos]
    rows = [(one.name, *map(cell_text, one.values), "") for one in found.differences]
    for metric in found.metrics:
        values = ["—" if value is None else number_text(value) for value in metric.values]
        marked = [f"{value} *" if at in metric.best else value for at, value in enumerate(values)]
        rows.append((metric.name, *marked, better_text(metric)))
    print_table(("", *heads, "better"), rows)
    for note in found.notes:
        print(note, file=sys.stderr)


def written(path: Path, text: str) -> None:
    """Write a file that is never incomplete."""
    path = path.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.part")
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)
