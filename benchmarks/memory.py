"""Memory of a worker over many jobs: it must not grow.

    python -m benchmarks.memory [jobs]

Every job is computed anew. The resident size of the worker and its executor is read after each; printed are the first
jobs (models load), the middle and the end, and the growth a job over the second half.
"""

from __future__ import annotations

import sys
import time
from statistics import linear_regression, median

import psutil

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, told
from benchmarks.talking_head import QUIET_PARTS, Measured
from workbench.embedded.stack import status

GOAL_MIB_A_JOB = 0.5


def resident_mib(pid: int) -> float:
    """Resident size of a process and all below it."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / 2**20


def main(jobs: int = 50) -> None:
    print(machine())
    with running_stack(*QUIET_PARTS) as deployment:
        worker = next(part.pid for part in status(deployment.settings.home).parts if part.name == "worker")
        assert worker
        measured = Measured(deployment, 0.0)
        sizes = []
        began = time.perf_counter()
        for _ in range(jobs):
            measured.job()
            sizes.append(resident_mib(worker))
    half = sizes[jobs // 2 :]
    slope = linear_regression(range(len(half)), half).slope
    print(f"{jobs} jobs in {time.perf_counter() - began:.0f} s")
    early = median(sizes[: max(1, jobs // 10)])
    print(f"first {sizes[0]:.0f} MiB, tenth part {early:.0f}, middle {half[0]:.0f}, end {sizes[-1]:.0f}")
    verdict = told(slope <= GOAL_MIB_A_JOB)
    print(f"growth over the second half: {slope:+.2f} MiB a job  goal {GOAL_MIB_A_JOB} {verdict}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
