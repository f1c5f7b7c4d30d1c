"""``workbench``: every command, registered by the module that has it. Modules import what they need inside commands."""

from __future__ import annotations

import typer

from workbench.cli import (
    catalogue,
    entrance,
    examples,
    job,
    lab,
    notebook,
    queue,
    retention,
    roles,
    run,
    stack,
    tracking,
    upload,
    user,
)

app = typer.Typer(
    name="workbench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A research workbench for talking-head video: run pipelines as graphs, record every run, compare.",
)
for module in (
    stack,
    entrance,
    run,
    upload,
    job,
    queue,
    retention,
    catalogue,
    notebook,
    lab,
    examples,
    tracking,
    user,
    roles,
):
    module.register(app)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
