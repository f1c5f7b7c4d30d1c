"""The same job again, and with one parameter changed: what is executed, and how long it takes.

    python -m benchmarks.again [count]

Goal: the same job again executes 0 nodes in under 0.3 s, from submit to its last event.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_stack import running_stack
from benchmarks.measure import interval, machine, told
from benchmarks.talking_head import SCRIPT
from nodes._samples import sample_portrait
from schemas.event import EventType
from schemas.refs import ImageRef
from workbench.client.completion import await_record
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.engine.accept import Request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build

GOAL_S = 0.3


def run(deployment: Deployment, portrait: ImageRef, **params: float) -> tuple[float, list[str]]:
    """Seconds from submit to the last event, and the nodes that were executed."""
    settings = Settings(params={"animate": params} if params else {})
    graph = build(find_pipeline("talking_head"), {"portrait": portrait, "script": SCRIPT}, settings)
    began = time.perf_counter()
    job = submit_graph(deployment, Request(graph, pipeline="talking_head")).job
    executed = []
    for update in deployment.watch(job):
        executed += [event.node for event in update.events if event.type is EventType.NODE_RUNNING]
    seconds = time.perf_counter() - began
    await_record(deployment, job)
    return seconds, executed


def main(count: int = 15) -> None:
    print(machine())
    with (
        running_stack("bus", "objects", "sql", "control", "worker") as deployment,
        tempfile.TemporaryDirectory() as folder,
    ):
        portrait = store_file(deployment, sample_portrait(Path(folder)), "image")[0]
        first, executed = run(deployment, portrait)
        print(f"first          {first:.2f} s, executed {', '.join(executed)}")
        again = [run(deployment, portrait) for _ in range(count)]
        seconds = interval([taken for taken, _ in again])
        nodes = max(len(names) for _, names in again)
        taken = f"{seconds[1]:.3f} s [{seconds[0]:.3f}, {seconds[2]:.3f}] ({count} times)"
        print(
            f"again          {taken}, executed {nodes} nodes  goal {GOAL_S} {told(nodes == 0 and seconds[1] <= GOAL_S)}"
        )
        changed, executed = run(deployment, portrait, sway=0.4)
        print(f"sway changed   {changed:.2f} s, executed {', '.join(executed)}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
