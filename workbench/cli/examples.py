"""``workbench examples``: graphs, packages and notebooks that come with the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import Json, command, print_json, print_table


@command
def examples(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="The examples to copy; `all` for every one. Default: list them."),
    ] = None,
    to: Annotated[Path, typer.Option(help="The folder to copy into.")] = Path(),
    as_json: Json = False,
) -> None:
    """List the examples, or copy some of them. Existing files that differ are not overwritten."""
    from workbench.client.examples import copy_example, examples, named_examples

    if not names:
        found = [
            {"name": one.name, "kind": one.kind, "title": one.title, "place": str(one.place)} for one in examples()
        ]
        if as_json:
            print_json({"examples": found})
        else:
            print_table(("name", "kind", "title"), [(one["name"], one["kind"], one["title"]) for one in found])
        return
    copied = [file for one in named_examples(names) for file in copy_example(one, to.expanduser())]
    if as_json:
        print_json({"files": [{"path": str(file.path), "outcome": file.outcome} for file in copied]})
    else:
        words = {"new": "copied", "same": "already there", "kept": "not overwritten, yours differs"}
        print_table(
            ("file", "outcome"), [(file.path, words[file.outcome]) for file in copied], {words["kept"]: "yellow"}
        )
