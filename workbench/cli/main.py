"""``workbench``: all commands. They import what they need when they run."""

from __future__ import annotations

from collections.abc import Callable

import typer

from workbench.cli import (
    bundle,
    catalogue,
    compare,
    consent,
    engines,
    examples,
    find,
    job,
    lab,
    loras,
    models,
    notebook,
    page,
    queue,
    retention,
    roles,
    run,
    stack,
    sweep,
    tracking,
    upload,
    user,
    verify,
)
from workbench.cli.everywhere import Version, add_home
from workbench.cli.inputs import RunCommand

_COMMANDS: dict[str, Callable[..., None]] = {
    "up": stack.up,
    "down": stack.down,
    "status": stack.status,
    "doctor": stack.doctor,
    "open": page.open_,
    "token": page.token,
    "run": run.run,
    "submit": run.submit_file,
    "upload": upload.upload,
    "verify": verify.verify,
    "compare": compare.compare,
    "find": find.find,
    "lineage": find.lineage,
    "gc": retention.gc,
    "erase": retention.erase,
    "nodes": catalogue.nodes,
    "pipelines": catalogue.pipelines,
    "capabilities": catalogue.capabilities,
    "loras": loras.loras,
    "lab": lab.lab,
    "examples": examples.examples,
    "control": roles.control,
    "worker": roles.worker,
    "app": roles.serve_app,
}
app = typer.Typer(
    name="workbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def root(version: Version = False) -> None:
    """A research workbench for talking-head video: run pipelines as graphs, record every run, compare."""


for name, command in _COMMANDS.items():
    app.command(name, cls=RunCommand if name == "run" else None)(command)
for group in (
    job.group,
    sweep.group,
    queue.group,
    catalogue.schemas_group,
    notebook.group,
    tracking.group,
    user.group,
    consent.group,
    engines.group,
    models.group,
    bundle.group,
):
    app.add_typer(group)


def main() -> None:
    command = typer.main.get_command(app)
    add_home(command)
    command(prog_name="workbench")


if __name__ == "__main__":
    main()
