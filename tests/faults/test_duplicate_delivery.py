"""Duplicate deliveries have one effect: a queue entry or a submit that arrives twice."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.status import Plane
from tests.engine.graphs import document
from tests.faults.counts import await_working, completed_once, events_of, lease_of, tracked_once
from tests.faults.tracked import _deployment as _deployment
from tests.live import Diary, LiveDeployment, wait_for
from workbench.bus.fields import NodeField
from workbench.bus.keys import FRONT, INTERACTIVE
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request
from workbench.engine.cut import pool_name

pytestmark = pytest.mark.timeout(300)
POOL = pool_name(Plane.DATA, "cpu")


def deliver_again(live: LiveDeployment, job: str, segment: str) -> None:
    """Add the same entry to two queues of its pool again, with a wake token for each."""
    bus = live.deployment.bus
    for lane in (FRONT, INTERACTIVE):
        bus.client.xadd(bus.keys.queue(POOL, lane), {"j": job, "s": segment})
        bus.client.rpush(bus.keys.wake(POOL), "1")


def dropped(live: LiveDeployment) -> bool:
    return not live.deployment.bus.queues.entries()


def test_an_entry_delivered_twice_is_run_once(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]]
) -> None:
    """Before it is taken, while it runs (another worker is free to take it), and after it has ended."""
    gates = [diary.path.with_name(name) for name in ("first", "second")]
    blockers = [live.submit({"n": diary.probe(f"b{index}", gate=str(gates[0]))}).job for index in range(2)]
    for blocker in blockers:
        await_working(live, blocker)
    nodes = {"n": diary.probe("n", gate=str(gates[1])), "m": diary.probe("m", "probe.control")}
    job = live.submit(nodes, [("n", "m")]).job
    segment = segment_of(live, job, "n")
    assert lease_of(live, job) is None, "it is not in the queue"
    deliver_again(live, job, segment)
    gates[0].touch()
    lease, _ = await_working(live, job)
    wait_for(lambda: dropped(live), what="the duplicate entries are dropped")
    deliver_again(live, job, segment)
    wait_for(lambda: dropped(live), what="the duplicate entries are dropped")
    held = lease_of(live, job)
    assert held is not None and held[0] == lease, "the second delivery took over the running segment"
    gates[1].touch()
    wait_for(lambda: events_of(live, job, "node.completed"))
    deliver_again(live, job, segment)
    wait_for(lambda: dropped(live), what="the duplicate entries are dropped")
    for one in (*blockers, job):
        completed_once(live, one)
    deliver_again(live, job, segment)  # the job has ended
    wait_for(lambda: dropped(live), what="the duplicate entries are dropped")
    assert live.deployment.bus.leases() == []
    assert sorted(diary.lines()) == ["b0", "b1", "m", "n"]
    assert len(events_of(live, job, "node.running")) == 2
    tracked_once(live, job)
    print(f"one entry delivered 9 times: executions {sorted(diary.lines())}, one result and one run")


def segment_of(live: LiveDeployment, job: str, node: str) -> str:
    raw = live.deployment.bus.client.hget(live.deployment.bus.keys.job(job), NodeField.SEGMENT.of(node))
    assert isinstance(raw, bytes)
    return raw.decode()


def test_one_key_submitted_three_times_is_one_job(live: LiveDeployment, diary: Diary) -> None:
    """Three concurrent submits, as from three front ends, and another one after the job has ended."""
    request = Request(document({"n": diary.probe("n")}), key=f"once {diary.path}")
    with ThreadPoolExecutor(3) as faces:
        answers = list(faces.map(lambda _: submit_graph(Deployment(live.settings), request), range(3)))
    (job,) = {answer.job for answer in answers}
    completed_once(live, job)
    answers.append(submit_graph(live.deployment, request))
    assert {answer.job for answer in answers} == {job}
    assert [answer.created for answer in answers].count(True) == 1
    tracked_once(live, job)
    assert diary.lines() == ["n"]
    print(f"one key submitted {len(answers)} times: one job, executions {diary.lines()}, one result and one run")
