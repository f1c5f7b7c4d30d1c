"""200 WebSocket watchers on 50 running jobs: how long an event takes from the bus to a client.

    python -m benchmarks.watchers [seconds] [watchers] [jobs]

A real app process of a real stack; the watchers are a process of their own and each watch one job. Fifty jobs cannot
run nodes at once on a small machine, so one loop stands for their workers: it takes their segments, reports the
progress of each job's node four times a second and commits a node about every two seconds. An event's time is
written by that loop right before its commit is sent, and read on the same machine's clock when a client has the
message. Updates of a job come at most every 250 ms: an event right behind some progress waits that long.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
from websockets.asyncio.client import connect

from benchmarks.bench_stack import running_stack, stack_pids
from benchmarks.measure import machine, percentile, told, tree_cpu_s
from benchmarks.runner.jobs import chain, node, submit
from schemas.event import Progress
from workbench.bus.bus import Bus
from workbench.bus.results import Taken
from workbench.client.deployment import Deployment
from workbench.settings import load_settings

GOAL_MS = 300.0
POOL = "data.filler"
RESULT = orjson.dumps({"output": {"tick": 1, "payload": ""}, "worker": "filler", "seconds": 1.0})
NODE_S = (1.5, 2.5)
PROGRESS_S = 0.25
SETTLE_S = 3.0


def main(seconds: int = 30, watchers: int = 200, jobs: int = 50) -> None:
    print(machine())
    parts = ("bus", "objects", "sql", "control", "app")
    with running_stack(
        *parts, WORKBENCH_NODE_MODULES="benchmarks.noop_nodes", WORKBENCH_CONTROL_SLOTS="1"
    ) as deployment:
        length = int((seconds + 2 * SETTLE_S + 10) / NODE_S[0])
        graph = chain([node("filler")] * length)
        ids = [submit(deployment, graph) for _ in range(jobs)]
        await_answer(f"{deployment.settings.app_url}/health")
        url = deployment.settings.app_url.replace("http", "ws", 1) + "/ws"
        command = [sys.executable, "-m", "benchmarks.watchers", "watch", url, str(watchers), str(seconds), *ids]
        environment = {**os.environ, "WORKBENCH_APP_TOKEN": deployment.settings.app_token}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent, env=environment
        ) as clients:
            before = tree_cpu_s(stack_pids(deployment))
            commits, seen = work(deployment, jobs, clients)
            spent = tree_cpu_s(stack_pids(deployment)) - before
        report(seen, commits, spent, seconds, watchers, jobs)


def await_answer(url: str, within_s: float = 180.0) -> None:
    """Until the app answers. Raises AssertionError."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}")


def report(seen: dict[str, list[float]], commits: int, spent: float, seconds: int, watchers: int, jobs: int) -> None:
    late = seen["late_ms"]
    p95 = percentile(late, 0.95)
    print(f"{watchers} watchers, {jobs} jobs, {seconds} s: {len(late)} events seen, {seen['updates'][0]:.0f} updates")
    print(f"{commits} commits; {spent / seconds:.2f} cores in the whole stack")
    print(f"event to client p50 {percentile(late, 0.5):.0f} ms, p99 {percentile(late, 0.99):.0f}, most {max(late):.0f}")
    print(f"p95 {p95:.0f} ms  goal {GOAL_MS:.0f} {told(p95 < GOAL_MS)}")


def work(deployment: Deployment, jobs: int, until: subprocess.Popen[bytes]) -> tuple[int, dict[str, list[float]]]:
    """Stand for the workers of all jobs until that process has ended.

    Returns how many nodes were committed, and what the process has seen.
    """
    chance = random.Random(0)
    assert until.stdout is not None
    until.stdout.readline()  # all of them watch
    reader = ThreadPoolExecutor(1)  # what they see is more than a pipe holds
    seen = reader.submit(until.stdout.read)
    bus = Bus(deployment.settings.bus_url, deployment.settings.namespace)
    taken: list[Taken] = []
    while len(taken) < jobs:
        known = taken[-1].lease.fence if taken else ""
        if (one := bus.take("filler", known, POOL)) is not None:
            taken.append(one)
    at = [0] * jobs  # index of the node each job is at
    began = [time.monotonic()] * jobs
    commit_at = [time.monotonic() + chance.uniform(0, NODE_S[1]) for _ in taken]
    report_at = [time.monotonic() + chance.uniform(0, PROGRESS_S) for _ in taken]
    commits = 0
    while until.poll() is None:
        now = time.monotonic()
        for index, one in enumerate(taken):
            name = f"n{at[index]}"
            if now >= commit_at[index]:
                bus.commit(one.lease, name, RESULT, worker="filler")
                commits, at[index] = commits + 1, at[index] + 1
                began[index], commit_at[index] = now, now + chance.uniform(*NODE_S)
            elif now >= report_at[index]:
                progress = Progress(node=name, done=min(0.99, now - began[index]), total=NODE_S[1], unit="s")
                bus.renew(one.lease, {name: progress.to_json()})
                report_at[index] = now + PROGRESS_S
        time.sleep(0.002)
    bus.close()
    reader.shutdown()
    return commits, orjson.loads(seen.result())


async def watch(url: str, watchers: int, seconds: float, jobs: list[str]) -> None:
    """Print what all watchers saw, as JSON."""
    late: list[float] = []
    updates = [0.0]
    clock = asyncio.get_running_loop().time
    ready = asyncio.Barrier(watchers)
    bearer = {"Authorization": f"Bearer {load_settings().app_token}"}

    async def one(index: int) -> None:
        job = jobs[index % len(jobs)]
        await asyncio.sleep(index * 0.02)
        async with connect(url, max_size=None, open_timeout=60, additional_headers=bearer) as socket:
            await socket.send(orjson.dumps({"action": "subscribe", "jobId": job}).decode())
            await socket.recv()
            if await ready.wait() == 0:
                os.write(1, b"ready\n")
            start = clock() + SETTLE_S
            end = start + seconds
            while (now := clock()) < end:
                try:
                    message = orjson.loads(await asyncio.wait_for(socket.recv(), end - now))
                except TimeoutError:
                    return
                if message.get("type") == "update" and now >= start:
                    updates[0] += 1
                    seen_at = time.time()
                    late.extend((seen_at - event["at"]) * 1000 for event in message["events"])

    await asyncio.gather(*(one(index) for index in range(watchers)))
    os.write(1, orjson.dumps({"late_ms": late, "updates": updates}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:
        asyncio.run(watch(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))
    else:
        main(*(int(argument) for argument in sys.argv[1:]))
