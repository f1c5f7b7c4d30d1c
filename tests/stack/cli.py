"""The commands of the stack alone, as a program: ``python -m tests.stack.cli up``."""

import typer

from workbench.cli import stack

if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    for command in (stack.up, stack.down, stack.status, stack.doctor):
        app.command()(command)
    app()
