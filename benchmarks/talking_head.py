"""A warm talking-head job beside the same node functions called in a row in one script, interleaved.

    python -m benchmarks.talking_head [pairs] [on|off|dead]

The last word says how MLflow is: running, not there, or a URL at which nothing answers. Goals: wall at most 0.7 x the
clip's length (512 x 512, 25 fps, script given, without upscale and evaluation), and at most 0.25 CPU s a job more than
the functions alone. CPU seconds are those of the whole process tree: servers, workers and client.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_stack import running_stack, stack_pids
from benchmarks.measure import interval, machine, pairs, told, tree_cpu_s
from nodes._samples import sample_portrait
from schemas.refs import AudioRef
from workbench.client.completion import await_record
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.client.view import artifacts
from workbench.engine.accept import Request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build

SCRIPT = "Welcome to the lab. Everything you see here was recorded, so that it can be compared with what comes next."
WALL_GOAL, CPU_GOAL_S = 0.7, 0.25
PARTS = {"on": ("bus", "objects", "sql", "mlflow", "control", "worker")}
QUIET_PARTS = ("bus", "objects", "sql", "control", "worker")
TRACKED_S = 2.0  # a job is recorded in MLflow after it is done; that counts as its cost


class Measured:
    """One job after the other, with what each took."""

    def __init__(self, deployment: Deployment, settle_s: float) -> None:
        self.deployment = deployment
        self.settle_s = settle_s
        with tempfile.TemporaryDirectory() as folder:
            self.portrait = store_file(deployment, sample_portrait(Path(folder)), "image")[0]
        self.pids = [*stack_pids(deployment)]
        self.clip_s = 0.0
        self.wall_s: list[float] = []
        self.seed = 0

    def job(self) -> float:
        """Run one job anew; returns its CPU seconds, client and recording included."""
        self.seed += 1
        given = {"portrait": self.portrait, "script": SCRIPT}
        settings = Settings(seed=self.seed, leave_out=frozenset({"upscale", "evaluate"}), fresh=True)
        graph = build(find_pipeline("talking_head"), given, settings)
        cpu, own, began = tree_cpu_s(self.pids), time.process_time(), time.perf_counter()
        job = submit_graph(self.deployment, Request(graph, pipeline="talking_head")).job
        for update in self.deployment.watch(job):
            if update.final:
                break
        self.wall_s.append(time.perf_counter() - began)
        own = time.process_time() - own
        record = await_record(self.deployment, job)
        time.sleep(self.settle_s)
        self.clip_s = next(ref.duration_s or 0.0 for _, _, ref in artifacts(record) if isinstance(ref, AudioRef))
        return tree_cpu_s(self.pids) - cpu + own


def main(count: int = 15, mlflow: str = "on") -> None:
    """Print wall and CPU of both, and the cost of the workbench with its interval."""
    print(machine(), f"MLflow {mlflow}")
    environment = {"WORKBENCH_MLFLOW_URL": "http://127.0.0.1:9"} if mlflow == "dead" else {}
    with (
        running_stack(*PARTS.get(mlflow, QUIET_PARTS), **environment) as deployment,
        tempfile.TemporaryDirectory() as folder,
    ):
        script = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.in_a_row", folder, SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        walls: list[float] = []

        def in_a_row() -> float:
            assert script.stdin and script.stdout
            script.stdin.write(f"{measured.seed}\n")
            script.stdin.flush()
            answer = json.loads(script.stdout.readline())
            walls.append(answer["wall_s"])
            return float(answer["cpu_s"])

        measured = Measured(deployment, TRACKED_S if mlflow != "off" else 0.3)
        time.sleep(20 if mlflow == "on" else 2)  # until MLflow has started: that is not a cost of a job
        for _ in range(2):
            measured.job()
            in_a_row()
        idle = tree_cpu_s(measured.pids)
        time.sleep(10)
        idle_share = (tree_cpu_s(measured.pids) - idle) / 10
        measured.wall_s.clear()
        walls.clear()
        ours, theirs = pairs(count, measured.job, in_a_row)
        script.kill()
        script.wait()
    rest = [wall + measured.settle_s for wall in measured.wall_s]
    without_idle = [cpu - idle_share * seconds for cpu, seconds in zip(ours, rest, strict=True)]
    ratios = interval([wall / measured.clip_s for wall in measured.wall_s])
    costs = interval([a - b for a, b in zip(without_idle, theirs, strict=True)])
    print(f"clip           {measured.clip_s:.2f} s, {count} interleaved pairs; medians with 95 % intervals")
    print(f"workbench      wall {interval(measured.wall_s)[1]:.2f} s, {interval(without_idle)[1]:.2f} CPU s")
    print(f"in a row       wall {interval(walls)[1]:.2f} s, {interval(theirs)[1]:.2f} CPU s")
    print(f"idle stack     {idle_share * 1000:.0f} ms of CPU a second (not counted above)")
    print(f"wall / clip    {_shown(ratios)}  goal {WALL_GOAL} {told(ratios[1] <= WALL_GOAL)}")
    print(f"cost           {_shown(costs)} CPU s a job  goal {CPU_GOAL_S} {told(costs[1] <= CPU_GOAL_S)}")


def _shown(found: tuple[float, float, float]) -> str:
    return f"{found[1]:.3f} [{found[0]:.3f}, {found[2]:.3f}]"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15, sys.argv[2] if len(sys.argv) > 2 else "on")
