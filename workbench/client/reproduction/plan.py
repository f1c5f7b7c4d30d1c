"""What differs between a run as it was and the same run if it started now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodes.registry import services
from schemas.graph import Graph, Node
from schemas.job import JobRecord
from schemas.reproduction import Difference, ReproductionPlan
from workbench.client.deployment import Deployment
from workbench.client.rerun import unrun
from workbench.engine.cut import pool_name
from workbench.engine.pinning import pinned, pinned_models
from workbench.engine.submit_environment import ENVIRONMENT, environment
from workbench.engine.validate import validate

SHOWN = 12


def plan(deployment: Deployment, record: JobRecord) -> ReproductionPlan:
    """The differences, node by node. Queues nothing.

    Raises WorkbenchError: bus.unreachable, and graph.* if a parameter of then is no longer accepted.
    """
    with deployment.asking_bus():
        deployment.snapshot.refresh()
    declared, snapshot = services(), deployment.snapshot
    found: list[Difference] = []
    gone = {node.id: node.service for node in record.graph.nodes if node.service not in declared}
    found += [Difference(node=node, what="service", then=service, now="not installed") for node, service in
              gone.items()]  # fmt: skip
    unknown: list[str] = []
    if not gone:
        now = validate(
            unrun(record.graph, {}),
            declared,
            lambda declaration: pinned(declaration, snapshot),
            lambda declaration, params: pinned_models(declaration, params, snapshot),
        ).graph
        for node in record.graph.nodes:
            found += _of_node(node, now.node(node.id))
    then = record.graph.metadata.get(ENVIRONMENT)
    if isinstance(then, dict):
        pools = _pools(record.graph)
        found += _of_environment(then, environment(snapshot.workers), pools)
    else:
        unknown = ["workbench", "python", "hardware"]
    return ReproductionPlan(job=record.id, differences=found, unknown=unknown, runnable=not gone)


def _of_node(then: Node, now: Node) -> Iterator[Difference]:
    for what in ("version", "code", "weights"):
        before, after = getattr(then, what) or "", getattr(now, what) or ""
        if before != after:
            yield Difference(node=then.id, what=what, then=_short(before), now=_short(after))
    yield from _of_names(then.id, "package", dict(_split(then.packages)), dict(_split(now.packages)))
    yield from _of_names(then.id, "model", then.models or {}, now.models or {})


def _of_names(node: str, what: str, then: dict[str, str], now: dict[str, str]) -> Iterator[Difference]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            before, after = (_short(side.get(name, "")) for side in (then, now))
            yield Difference(node=node, what=f"{what} {name}", then=before, now=after)


def _of_environment(then: dict[str, Any], now: dict[str, Any], pools: set[str]) -> Iterator[Difference]:
    for what in ("workbench", "python", "system"):
        if then.get(what) != now.get(what):
            yield Difference(what=what, then=str(then.get(what, "")), now=str(now.get(what, "")))
    before, after = (side.get("machines") or {} for side in (then, now))
    for pool in sorted(pools):
        if before.get(pool) != after.get(pool):
            sides = ("; ".join(side.get(pool) or ()) or "no worker" for side in (before, after))
            yield Difference(what=f"hardware of {pool}", then=next(sides), now=next(sides))


def _pools(graph: Graph) -> set[str]:
    declared = services()
    found = (declared[node.service] for node in graph.nodes if node.service in declared)
    return {pool_name(one.plane, one.pool) for one in found}


def _split(packages: list[str] | None) -> Iterator[tuple[str, str]]:
    for one in packages or ():
        name, _, version = one.partition("==")
        yield name, version


def _short(value: str) -> str:
    if not value:
        return "none"
    return value[:SHOWN] if len(value) == 64 else value
