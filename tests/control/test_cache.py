"""Cached results are not computed again, and a repeated submit is the same job."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
import redis

from schemas.errors import WorkbenchError
from schemas.refs import TextRef
from schemas.status import JobStatus
from tests.engine.graphs import document
from tests.live import Diary, LiveDeployment
from workbench.bus.bus import Bus
from workbench.bus.job_plan import JobPlan
from workbench.bus.results import Verdict
from workbench.client.deployment import Deployment
from workbench.client.rerun import rerun
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

pytestmark = pytest.mark.stack
EDGES = [("a", "b"), ("b", "c"), ("a", "d")]


def cached_nodes(diary: Diary, salt: str, **changed: str) -> dict[str, Any]:
    """Four cacheable nodes; ``salt`` makes their keys new in this deployment."""
    return {name: diary.probe(changed.get(name, name) + salt, "probe.cached") for name in "abcd"}


@pytest.fixture
def salt() -> str:
    return "-" + secrets.token_hex(4)


def test_a_repeated_job_executes_nothing(live: LiveDeployment, diary: Diary, salt: str) -> None:
    first = live.run(cached_nodes(diary, salt), EDGES)
    executed = diary.lines()
    assert sorted(executed) == sorted(name + salt for name in "abcd")
    accepted = live.submit(cached_nodes(diary, salt), EDGES)
    assert (accepted.created, accepted.known) == (True, 4)
    second = live.finish(accepted.job)
    assert second.status is JobStatus.COMPLETED and second.id != first.id
    assert diary.lines() == executed
    assert [node.cached for node in second.nodes] == [True] * 4
    assert [node.output for node in second.nodes] == [node.output for node in first.nodes]


def test_a_changed_parameter_reruns_its_node_and_the_later_ones(live: LiveDeployment, diary: Diary, salt: str) -> None:
    live.run(cached_nodes(diary, salt), EDGES)
    before = len(diary.lines())
    record = live.run(cached_nodes(diary, salt, b="B"), EDGES)
    assert diary.lines()[before:] == ["B" + salt, "c" + salt]
    assert {node.id: node.cached for node in record.nodes} == {"a": True, "b": False, "c": False, "d": True}


def test_another_seed_reruns_only_seeded_nodes(live: LiveDeployment, diary: Diary, salt: str) -> None:
    nodes = {"a": diary.probe("a" + salt, "probe.cached")}
    for seed, executions in ((1, 1), (1, 1), (2, 2)):
        live.finish(live.submit(nodes, context={"seed": seed}).job)
        assert len(diary.lines()) == executions


def test_a_cached_result_with_missing_bytes_is_produced_again(live: LiveDeployment, diary: Diary, salt: str) -> None:
    nodes = {"a": diary.probe("a" + salt, "probe.cached", parts=1)}
    output = live.run(nodes).node("a").output
    assert output is not None
    assert live.submit(nodes).known == 1
    live.deployment.objects.delete(TextRef.model_validate(output["file"]).sha256)
    accepted = live.submit(nodes)
    assert accepted.known == 0
    record = live.finish(accepted.job)
    assert record.status is JobStatus.COMPLETED
    assert diary.count("a" + salt) == 2
    assert live.deployment.objects.has(TextRef.model_validate(output["file"]).sha256)


def test_a_rerun_uses_the_cache_unless_it_is_fresh(live: LiveDeployment, diary: Diary, salt: str) -> None:
    first = live.run(cached_nodes(diary, salt), EDGES)
    again = rerun(live.deployment, first.id)
    assert again.known == 4
    changed = live.finish(rerun(live.deployment, first.id, params={"c": {"value": "C" + salt}}).job)
    assert changed.parent == first.id
    assert [node.id for node in changed.nodes if not node.cached] == ["c"]
    fresh = live.finish(rerun(live.deployment, first.id, fresh=True).job)
    assert [node.cached for node in fresh.nodes] == [False] * 4
    assert diary.count("a" + salt) == 2
    with pytest.raises(WorkbenchError) as refused:
        rerun(live.deployment, first.id, params={"zzz": {}})
    assert refused.value.code == "pipeline.bad_option"


def test_a_submit_repeated_with_the_same_key_is_one_job(live: LiveDeployment, diary: Diary, salt: str) -> None:
    nodes = {"a": diary.probe("a")}
    first, second = live.submit(nodes, key=salt), live.submit(nodes, key=salt)
    assert (first.created, second.created) == (True, False)
    assert first.job == second.job
    live.finish(first.job)
    assert live.submit(nodes, key=salt).job == first.job
    assert diary.lines() == ["a"]
    with pytest.raises(WorkbenchError) as refused:
        live.submit({"a": diary.probe("other")}, key=salt)
    assert refused.value.code == "job.key_reused"


def test_a_resumed_graph_runs_only_the_remaining_nodes(live: LiveDeployment, diary: Diary) -> None:
    """A partly completed document continues from its state."""
    raw = document({"a": diary.probe("a"), "b": diary.probe("b")}, [("a", "b")])
    raw["nodes"][0] |= {"status": "completed", "output": {"text": "from elsewhere"}}
    record = live.finish(submit_graph(live.deployment, Request(raw)).job)
    assert diary.lines() == ["b"]
    assert record.node("b").output == {"text": "bfrom elsewhere", "file": None, "number": None}


def test_a_refused_graph_queues_nothing(live: LiveDeployment) -> None:
    before = live.deployment.store.list().total
    with pytest.raises(WorkbenchError) as refused:
        live.submit({"a": "probe.dta"})
    assert refused.value.code == "graph.unknown_service"
    assert "probe.data" in str(refused.value)
    assert live.deployment.store.list().total == before


class DyingBus(Bus):
    """A bus whose client dies after it wrote to SQL and before it reached the bus."""

    def accept(self, planned: JobPlan, epoch: int) -> Verdict:
        raise redis.ConnectionError("the client is gone")


def test_an_accepted_job_that_never_reached_the_bus_is_enqueued(live: LiveDeployment, diary: Diary) -> None:
    deployment = Deployment(live.settings)
    deployment.bus = DyingBus(live.settings.bus_url, live.settings.namespace)
    job = submit_graph(deployment, Request(document({"a": diary.probe("a")}))).job
    assert not live.deployment.bus.knows(job)
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert diary.lines() == ["a"]


def test_an_accepted_job_can_be_cancelled_before_the_bus_has_it(live: LiveDeployment, diary: Diary) -> None:
    deployment = Deployment(live.settings)
    deployment.bus = DyingBus(live.settings.bus_url, live.settings.namespace)
    job = submit_graph(deployment, Request(document({"a": diary.probe("a", sleep_s=60)}))).job
    assert live.deployment.cancel(job) is True
    assert live.finish(job).status is JobStatus.CANCELLED
    assert live.run({"b": diary.probe("next")}).status is JobStatus.COMPLETED
