"""What one job costs each part: the unit costs that docs/design/scale.md multiplies.

    python -m benchmarks.units [jobs]

A job is a chain of three nodes that do nothing, over both planes; its results are short. A talking head has seven nodes
and results of a kilobyte each.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bench_stack import running_stack
from benchmarks.hop import CHAIN
from benchmarks.measure import machine
from schemas.status import JobStatus
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request
from workbench.store.listing import JobFilter


def snapshot(deployment: Deployment) -> dict[str, float]:
    """Counters of the bus, CPU seconds of bus and control plane, bytes of the database."""
    client = deployment.bus.client
    calls: Any = client.info("commandstats")
    stats: Any = client.info("stats")
    scripts = [calls[name] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in calls]
    server: Any = client.info("server")
    folder = Path(deployment.settings.sql_url.removeprefix("sqlite:///")).parent
    return {
        "commands": stats["total_commands_processed"],
        "scripts": sum(entry["calls"] for entry in scripts),
        "script_us": sum(entry["usec"] for entry in scripts),
        "bytes_in": stats["total_net_input_bytes"],
        "bytes_out": stats["total_net_output_bytes"],
        "bus_cpu_s": sum(psutil.Process(server["process_id"]).cpu_times()[:2]),
        "sql_bytes": sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        "bus_bytes": client.info("memory")["used_memory"],
    }


def main(count: int = 300) -> None:
    """Print each cost a job and a node."""
    print(machine())
    parts = ("bus", "objects", "sql", "control", "worker")
    with running_stack(*parts, WORKBENCH_NODE_MODULES="benchmarks.noop_nodes") as deployment:
        run(deployment, 20)
        before, began = snapshot(deployment), time.perf_counter()
        run(deployment, count)
        took_s, after = time.perf_counter() - began, snapshot(deployment)
    each = {name: (after[name] - before[name]) / count for name in after}
    print(f"{count} chains of three nodes in {took_s:.1f} s: {count / took_s:.0f} chains/s")
    print(f"bus      {each['commands']:.1f} commands a job, {each['scripts']:.1f} of them scripts")
    print(f"         {each['script_us'] / each['scripts']:.0f} us a script, {each['bus_cpu_s'] * 1e3:.2f} ms CPU a job")
    print(f"         {each['bytes_in'] / 1e3:.1f} kB in, {each['bytes_out'] / 1e3:.1f} kB out a job")
    print(f"         {each['bus_bytes']:.0f} bytes kept a job that is recorded (its events go within a minute)")
    print(f"SQL      {each['sql_bytes'] / 1e3:.1f} kB a job")


def run(deployment: Deployment, count: int) -> None:
    """Submit them all and wait until SQL has the end of each."""
    jobs = [submit_graph(deployment, Request(CHAIN, experiment=f"units-{count}")).job for _ in range(count)]
    wanted = JobFilter(experiment=f"units-{count}", status=[JobStatus.COMPLETED], limit=1)
    until = time.monotonic() + 300
    while deployment.store.list(wanted).total < len(jobs):
        assert time.monotonic() < until, "the jobs did not end"
        time.sleep(0.05)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
