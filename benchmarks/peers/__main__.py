"""Runs all systems against one Valkey and compares them.

    python -m benchmarks.peers [rounds] [--only workbench,floor,celery] [--tasks 20] [--chains 200]

A round measures each system once, in an order by chance (fixed seed): some single no-op tasks and some chains of
three, one after the other, and then ``--chains`` chains submitted at once. All workers are up all the time; those that
are not measured are stopped (SIGSTOP), so that idle pollers disturb nobody. Each block begins with uncounted tasks.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine
from benchmarks.peers.figures import Found
from benchmarks.peers.handle import Driver
from benchmarks.peers.installed import PACKAGES, require
from benchmarks.peers.report import FLOOR, OURS, goals, table
from workbench.client.deployment import Deployment
from workbench.embedded.stack import status

SYSTEMS = (OURS, FLOOR, *PACKAGES)
WARM_UP = 3
PARTS = ("bus", "objects", "sql", "control", "worker")


def main() -> None:
    options = parse()
    names = options.only
    require(names)
    print(machine(), flush=True)
    found = {name: Found() for name in names}
    chance = random.Random(1)
    environment = {"WORKBENCH_NODE_MODULES": "benchmarks.noop_nodes", "WORKBENCH_CONTROL_SLOTS": "1"}
    with (
        running_stack(*PARTS, **environment) as deployment,
        tempfile.TemporaryDirectory(prefix="peers-") as folder,
        ExitStack() as stack,
    ):
        drivers = {}
        for name in names:
            print(f"starting {name}", file=sys.stderr, flush=True)
            driver = start(deployment, name, Path(folder))
            stack.callback(driver.close)
            driver.pause()
            drivers[name] = driver
        for number in range(options.rounds):
            for name in chance.sample(names, len(names)):
                measure(drivers[name], found[name], options.tasks, options.chains)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for driver in drivers.values():
            driver.resume()
    count = options.rounds * options.tasks
    print(f"{count} single tasks and {count} chains of each, {options.rounds} rounds; medians with 95 % intervals")
    if options.chains:
        print(f"chains/s: {options.chains} chains submitted at once, {options.rounds} times")
    print(f"\n{table(found)}\n\n{goals(found)}")


def parse() -> argparse.Namespace:
    """rounds, only (names in the order given), tasks and chains a round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(SYSTEMS), help=", ".join(SYSTEMS))
    parser.add_argument("--tasks", type=int, default=20, help="single tasks, and chains, of each system a round")
    parser.add_argument("--chains", type=int, default=200, help="chains submitted at once; 0: no throughput")
    options = parser.parse_args()
    unknown = sorted(set(options.only) - set(SYSTEMS))
    if unknown:
        parser.error(f"--only names {', '.join(unknown)}; allowed: {', '.join(SYSTEMS)}")
    return options


def start(deployment: Deployment, name: str, folder: Path) -> Driver:
    """A system's driver, on a database of its own; with ours, the stack's roles are stopped and continued too."""
    database = SYSTEMS.index(name)
    roles = [
        part.pid for part in status(deployment.settings.home).parts if part.name in ("control", "worker") and part.pid
    ]
    others = roles if name == OURS else []
    url = urlsplit(deployment.settings.bus_url)._replace(path=f"/{database}").geturl()
    return Driver(name, url, folder / f"{name}.log", others)


def measure(driver: Driver, found: Found, tasks: int, chains: int) -> None:
    """One block: warm up, singles, chains, and all at once."""
    driver.resume()
    try:
        for what, kept in (("single", found.single), ("chain", found.chain)):
            driver.ask(what, WARM_UP)
            kept.append(driver.ask(what, tasks))
        if chains:
            found.chains_a_second.append(chains / driver.ask("burst", chains))
    finally:
        driver.pause()


if __name__ == "__main__":
    main()
