"""What a notebook waits for before its first line of work: the import, and the way to a deployment that runs.

    python -m benchmarks.notebook_start [rounds]

Each round is a new process. ``first list`` is what the first question to the deployment costs on top: it imports the
client and connects. Beside it, in the same rounds: ``import mlflow``, what a notebook pays for its tracking.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, percentile, told

IMPORT_GOAL_S, CONNECT_GOAL_S = 0.3, 0.5
OURS = """
import json, time
began = time.perf_counter()
import workbench
from workbench import connect
imported = time.perf_counter()
wb = connect(start=False)
connected = time.perf_counter()
len(wb.runs())
print(json.dumps([imported - began, connected - imported, time.perf_counter() - connected]))
"""
PEER = "import json, time; began = time.perf_counter(); import mlflow; print(json.dumps([time.perf_counter() - began]))"


def timed(code: str, home: str) -> list[float]:
    """The seconds that the code printed of itself, in a new process."""
    environment = {**os.environ, "WORKBENCH_HOME": home}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [float(value) for value in json.loads(done.stdout)]


def main(rounds: int = 15) -> None:
    """Print the medians and whether they reach the goals."""
    print(machine())
    ours, peer = [], []
    with running_stack("bus", "objects", "sql", "control", "worker") as deployment:
        home = str(deployment.settings.home)
        for _ in range(rounds + 1):  # the first compiles what is not compiled yet
            ours.append(timed(OURS, home))
            peer.append(timed(PEER, home))
    imported, connected, listed = (percentile([one[at] for one in ours[1:]], 0.5) for at in range(3))
    print(
        f"import workbench {imported:.3f} s, connect() {connected:.3f} s, first list {listed:.3f} s (p50 of {rounds})"
    )
    print(f"import mlflow    {percentile([one[0] for one in peer[1:]], 0.5):.3f} s")
    print(f"import under {IMPORT_GOAL_S} s: {told(imported < IMPORT_GOAL_S)}")
    print(f"connect() to a running stack under {CONNECT_GOAL_S} s: {told(connected < CONNECT_GOAL_S)}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
