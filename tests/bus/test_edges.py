"""The central property: any graph, run through the real scripts in any order, ends as the Python model predicts."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.event import Event, EventType
from schemas.status import FINAL_NODE_STATUSES, NODE_TRANSITIONS, NodeStatus
from tests.bus.conftest import open_deployment
from tests.bus.driver import POOLS, Driver, Hand, failure_of, job_status, planned, result_of, statuses
from tests.engine.graphs import checked, document, expected, first_unhandled, random_documents
from workbench.bus.bus import Bus
from workbench.bus.encode import job_fields
from workbench.bus.fields import JobField, NodeField, SegmentField
from workbench.bus.keys import Keys
from workbench.bus.results import Verdict
from workbench.engine.validate import Checked

pytestmark = pytest.mark.stack
JOBS = itertools.count()
AFTER = {
    EventType.NODE_RUNNING: NodeStatus.RUNNING,
    EventType.NODE_COMPLETED: NodeStatus.COMPLETED,
    EventType.NODE_RETRYING: NodeStatus.READY,
    EventType.NODE_FAILED: NodeStatus.FAILED,
    EventType.NODE_SKIPPED: NodeStatus.SKIPPED,
    EventType.NODE_CANCELLED: NodeStatus.CANCELLED,
}
JOB_ENDS = {EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED}


def check_events(events: list[Event], final: dict[str, NodeStatus]) -> None:
    """Check that numbers have no gaps, every state change is legal, and the job's only end is the last event."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type in JOB_ENDS for event in events] == [False] * (len(events) - 1) + [True]
    seen: dict[str, NodeStatus] = {}
    for event in events:
        if event.node and event.type in AFTER:
            before, after = seen.get(event.node, NodeStatus.PENDING), AFTER[event.type]
            # A running node may run again without a retry (after its segment was returned or taken over).
            assert after in NODE_TRANSITIONS[before] or before is after is NodeStatus.RUNNING, (event.node, before)
            seen[event.node] = after
    assert {name: status for name, status in seen.items() if status in FINAL_NODE_STATUSES} == final


def all_events(bus: Bus, job: str) -> list[Event]:
    events: list[Event] = []
    while more := bus.events(job, events[-1].cursor if events else "0-0"):
        events += more
    return events


def check_nothing_left(bus: Bus, job: str) -> None:
    """Check that a recorded and forgotten job leaves only its events, which expire."""
    assert bus.leases() == []
    assert bus.queues.entries() == []
    entries = bus.outbox("", 10_000)
    assert bus.confirm(entries[-1].id, [job]) == 1
    assert bus.outbox("") == []
    left = [key.decode() for key in bus.client.scan_iter(f"{bus.keys.prefix}*{job}*", count=1000)]
    assert left == [bus.keys.events(job)]
    assert 0 < bus.client.ttl(left[0]) <= 60


def run_in_disorder(bus: Bus, driver: Driver, rnd: random.Random) -> None:
    """Run several workers at once; segments are returned, taken over and finished in any order."""
    held: dict[str, Hand] = {}
    mishaps = 6
    while True:
        idle = [worker for worker in ("w0", "w1", "w2") if worker not in held]
        if idle and (not held or rnd.random() < 0.5):
            hand = None
            for pool in rnd.sample(POOLS, len(POOLS)):
                hand = driver.take(idle[0], pool)
                if hand:
                    held[idle[0]] = hand
                    break
            if hand is None and not held:
                return
        if not held:
            continue
        worker = rnd.choice(sorted(held))
        hand = held[worker]
        if mishaps and rnd.random() < 0.2:
            mishaps -= 1
            disturb(bus, hand, rnd)
            del held[worker]
        elif not driver.step(hand):
            del held[worker]


def disturb(bus: Bus, hand: Hand, rnd: random.Random) -> None:
    """Return the worker's segment or take it over; check that the worker can change nothing afterwards."""
    lease = hand.taken.lease
    if rnd.random() < 0.5:
        assert bus.release(lease) is Verdict.OK
    else:
        if rnd.random() < 0.5:
            assert bus.renew(lease, {"any": b"{}"}) is Verdict.OK
        silent = next(held for held in bus.leases() if held.segment == lease.segment)
        assert bus.expire(silent, failure_of("any")) is Verdict.RETRY
    node = hand.next_node() or hand.spec.nodes[0].id
    assert bus.commit(lease, node, result_of(node))[0] is Verdict.FENCED
    assert bus.fail(lease, node, failure_of(node), retry=True) is Verdict.FENCED
    assert bus.renew(lease) is Verdict.FENCED
    assert bus.part(lease, node, 0, b"{}") is Verdict.FENCED
    assert bus.release(lease) is Verdict.FENCED


def run_and_check(
    bus: Bus, graph: Checked, outcomes: dict[str, bool], transient: dict[str, int], known: set[str], rnd: Any = None
) -> dict[str, NodeStatus]:
    job = f"j{next(JOBS)}"
    bus.keys = Keys(f"{job}-deployment")  # a failed example must not affect the next one
    open_deployment(bus)
    driver = Driver(bus, outcomes, dict(transient))
    assert bus.accept(planned(job, graph, known), 1) is Verdict.OK
    if rnd is None:
        driver.finish()
    else:
        run_in_disorder(bus, driver, rnd)
    final = expected(graph.graph, graph.order, outcomes, known)
    assert statuses(bus, job, graph.graph) == final
    unhandled = first_unhandled(graph.graph, final)
    assert job_status(bus, job) == ("failed" if unhandled else "completed")
    ran = {name for name, status in final.items() if status in (NodeStatus.COMPLETED, NodeStatus.FAILED)} - known
    assert driver.executed == dict.fromkeys(ran, 1)
    events = all_events(bus, job)
    check_events(events, final)
    assert events[-1].node in (unhandled or {""})
    check_nothing_left(bus, job)
    return final


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), raw=random_documents())
def test_a_random_graph_ends_as_its_edges_require(bus: Bus, data: st.DataObject, raw: dict[str, Any]) -> None:
    graph = checked(raw)
    names = [node.id for node in graph.graph.nodes]
    outcomes = data.draw(st.fixed_dictionaries({name: st.booleans() for name in names}), "outcomes")
    transient = data.draw(st.dictionaries(st.sampled_from(names), st.integers(1, 2), max_size=3), "transient failures")
    known = data.draw(st.sets(st.sampled_from(names), max_size=3), "known before")
    run_and_check(bus, graph, outcomes, transient, known, data.draw(st.randoms(use_true_random=False)))


def test_a_handled_failure_completes_the_job_and_an_unhandled_one_fails_it(bus: Bus) -> None:
    nodes = {"a": "probe.data", "rescue": "probe.control", "go_on": "probe.data"}
    edges = [("a", "rescue", "on_failure"), ("a", "go_on", "on_success")]
    final = run_and_check(bus, checked(document(nodes, edges)), {"a": False, "rescue": True, "go_on": True}, {}, set())
    assert final == {"a": NodeStatus.FAILED, "rescue": NodeStatus.COMPLETED, "go_on": NodeStatus.SKIPPED}
    final = run_and_check(bus, checked(document(nodes, edges)), {"a": False, "rescue": False, "go_on": True}, {}, set())
    assert final["rescue"] is NodeStatus.FAILED


def test_a_join_runs_when_one_edge_fires_and_all_parents_are_final(bus: Bus) -> None:
    nodes: dict[str, Any] = {
        "a": "probe.data",
        "rescue": "probe.data",
        "join": {"service": "probe.control", "input": {"text": ["$a.text", "$rescue.text"]}},
    }
    edges = [("a", "rescue", "on_failure"), ("a", "join"), ("rescue", "join")]
    for a_completes in (True, False):
        outcomes = {"a": a_completes, "rescue": True, "join": True}
        final = run_and_check(bus, checked(document(nodes, edges)), outcomes, {}, set())
        assert final["join"] is NodeStatus.COMPLETED
        assert final["rescue"] is (NodeStatus.SKIPPED if a_completes else NodeStatus.COMPLETED)


def test_a_skip_propagates_through_a_graph_of_maximum_size(bus: Bus) -> None:
    names = [f"n{index}" for index in range(1000)]
    nodes = {name: ("probe.data", "probe.control")[index % 2] for index, name in enumerate(names)}
    graph = checked(document(nodes, list(itertools.pairwise(names))))
    final = run_and_check(bus, graph, dict.fromkeys(names, True) | {"n0": False}, {}, set())
    assert list(final.values()) == [NodeStatus.FAILED] + [NodeStatus.SKIPPED] * 999


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), raw=random_documents())
def test_the_counters_of_the_scripts_agree_with_the_plan(bus: Bus, data: st.DataObject, raw: dict[str, Any]) -> None:
    """After each end of a node, the bus has the same fields as a plan of the graph in that state."""
    graph = checked(raw)
    outcomes = data.draw(st.fixed_dictionaries({node: st.booleans() for node in graph.order}), "outcomes")
    job = f"j{next(JOBS)}"
    bus.keys = Keys(f"{job}-deployment")
    open_deployment(bus)
    assert bus.accept(planned(job, graph), 1) is Verdict.OK
    driver = Driver(bus, outcomes)
    while hand := driver.take_any("w"):
        more = True
        while more:
            more = driver.step(hand)
            assert counted(bus, job, graph) == replanned(job, graph, statuses(bus, job, graph.graph))


COUNTERS = (
    JobField.OPEN,
    JobField.FAILURES,
    NodeField.PENDING,
    NodeField.FIRED,
    NodeField.STATUS,
    SegmentField.OUTSIDE,
)
OPEN = {NodeStatus.PENDING.value, NodeStatus.READY.value, NodeStatus.RUNNING.value}


def counted(bus: Bus, job: str, graph: Checked) -> dict[str, str]:
    raw: Any = bus.client.hgetall(bus.keys.job(job))
    return comparable({name.decode(): value.decode() for name, value in raw.items()})


def replanned(job: str, graph: Checked, status: dict[str, NodeStatus]) -> dict[str, str]:
    """The counters of a plan of the graph with these node states."""
    nodes = [
        node.model_copy(update={"status": status[node.id] if status[node.id].final else NodeStatus.PENDING})
        for node in graph.graph.nodes
    ]
    done = {name for name, value in status.items() if value is NodeStatus.COMPLETED}
    again = Checked(graph.graph.model_copy(update={"nodes": nodes}), graph.order, graph.declarations)
    return comparable({name: str(value) for name, value in job_fields(planned(job, again, done)).items()})


def comparable(fields: dict[str, str]) -> dict[str, str]:
    """The counters and statuses, without the difference between queued and running, which a plan cannot know."""
    kept = {name: value for name, value in fields.items() if name.split(":")[0] in COUNTERS}
    return {name: "open" if value in OPEN else value for name, value in kept.items()}
