"""``workbench``: registers the commands of all modules. Commands import what they need when they run."""

from __future__ import annotations

import typer

from workbench.cli import (
    catalogue,
    examples,
    job,
    lab,
    notebook,
    page,
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
    page,
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
