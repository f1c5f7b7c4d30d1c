"""Runs a stack of a bus and two roles in the foreground: ``python -m tests.stack.run_roles HOME DRAIN_S``."""

import sys
from pathlib import Path

from workbench.embedded.plan import role
from workbench.embedded.run import StackOptions, run_stack

if __name__ == "__main__":
    home, drain_s = Path(sys.argv[1]), sys.argv[2]
    roles = [
        role(home, name, argv=(sys.executable, "-m", "tests.stack.role", str(home / f"{name}.diary"), drain_s))
        for name in ("control", "worker")
    ]
    run_stack(home, StackOptions(only=("bus", "sql", "control", "worker"), roles=roles), say=print)
