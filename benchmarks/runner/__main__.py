"""Runs measurements by name, each with its figure, its goal and whether it was reached.

    python -m benchmarks.runner [engine seconds behind lanes branches workers sweep trips]

``NAME=COUNT`` sets how much is measured, for a quick try: ``behind=500`` puts 500 jobs behind instead of 10,000.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.measure import machine

NAMES = ("engine", "seconds", "behind", "lanes", "branches", "workers", "sweep", "trips")


def main(arguments: list[str]) -> None:
    print(machine(), flush=True)
    for argument in arguments or NAMES:
        name, _, count = argument.partition("=")
        if name not in NAMES:
            raise SystemExit(f"no measurement {name!r}; allowed: {', '.join(NAMES)}")
        print(f"\n== {name}", flush=True)
        module = import_module(f"benchmarks.runner.{name}")
        module.main(*([int(count)] if count else []))


if __name__ == "__main__":
    main(sys.argv[1:])
