"""Which peers are installed, and the command that installs the rest.

They are no part of the workbench's environment. `requirements-peers.txt` pins all they need, so it is installed as it
stands (``--no-deps``): arq declares a bound on redis-py below the version that the others and the workbench need, and
works with that version all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

PACKAGES = {
    "celery": "celery",
    "dramatiq": "dramatiq",
    "taskiq": "taskiq_redis",
    "streaq": "streaq",
    "arq": "arq",
    "rq": "rq",
}
REMEDY = ".venv/bin/python -m pip install --no-deps -r requirements-peers.txt"


def require(names: Iterable[str]) -> None:
    """Raises SystemExit, with the command that installs them, where packages of these systems are missing."""
    wanted = {"uvloop", *(PACKAGES[name] for name in names if name in PACKAGES)}
    missing = sorted(package for package in wanted if find_spec(package) is None)
    if missing:
        raise SystemExit(f"These packages are not installed: {', '.join(missing)}\n  remedy: {REMEDY}")
