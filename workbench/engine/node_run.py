"""Runs one attempt of a node inside the executor: inputs, cache lookup, the function, its result."""

from __future__ import annotations

import shutil
import time
from typing import Any

from pydantic import BaseModel, ValidationError

from nodes.context import Context
from nodes.sdk import NodeDeclaration, NodeError
from schemas.errors import WorkbenchError
from schemas.event import NodeResult
from schemas.graph import Node
from schemas.problem import invalid
from workbench.bus.results import Verdict
from workbench.engine.binding import first_available, literal, references
from workbench.engine.content import computation_key, content_key
from workbench.engine.incoming_parts import Incoming
from workbench.engine.measure import Meter
from workbench.engine.messages import Claim, Known, Outcome
from workbench.engine.node_host import NodeHost
from workbench.engine.run_state import Abandoned, RunState
from workbench.engine.so_far import Account

BUSY_S = 0.05  # interval of the check if another node's computation has ended


def is_current_code(declaration: NodeDeclaration, digest: str | None) -> bool:
    """Whether the digest is that of the code this process has loaded, and its source is unchanged."""
    try:
        return declaration.code == digest
    except WorkbenchError as error:
        if error.code != "node.code_changed":
            raise
        return False


def compute(state: RunState, node: Node, meter: Meter, attempt: int) -> NodeResult:
    """The node's result, from the cache or computed. Raises the node's exceptions, WorkbenchError, and Abandoned."""
    declaration = _declaration(state, node)
    host = NodeHost(state, node.id, asks=state.spec.duties[node.id].asks)
    incoming = Incoming(state, node, Account(meter, host))
    values = _inputs(state, node, declaration, incoming)
    key, computation = _keys(state, node, values, incoming)
    in_parts = bool(incoming.running)
    known = _claim(state, node, key, computation) if computation else None
    if known is not None:
        now = {"worker": state.worker, "attempt": attempt, **meter.times()}
        return known.model_copy(update={"cached": True, "content_key": key, **now})
    params = _params(node, declaration)
    inputs = _validated(declaration.inputs, values | incoming.values(declaration), node)
    workdir = state.workdir / node.id
    ctx = Context(
        host,
        workdir=workdir,
        models=state.executor.models,
        seed=state.spec.seed,
        settings=state.executor.settings,
        part=declaration.part,
        parts=state.parts.get(node.id, ()),
        provenance=state.spec.provenance,
        worker=state.worker,
    )
    try:
        output = declaration.run(ctx, params, inputs)
    finally:
        host.send_series()
    if not isinstance(output, declaration.outputs):
        raise WorkbenchError(
            "node.bad_output",
            f"{node.service} returned {type(output).__name__}",
            where=declaration.file,
            seen=type(output).__name__,
            allowed=declaration.outputs.__name__,
            remedy="Return the declared Outputs.",
        )
    if in_parts:  # the node may not have needed the last parts, but the key needs the whole
        incoming.finish()
        key, _ = _keys(state, node, _inputs(state, node, declaration, incoming), incoming)
    if workdir.exists():
        shutil.rmtree(workdir, ignore_errors=True)
    if key and not is_current_code(declaration, node.code):  # it may have imported either version while it ran
        host.log("the source was edited while the node ran, so other jobs do not use this result")
        key = ""
    return NodeResult(
        output=output.model_dump(mode="json"),
        metrics=host.metrics,
        log=list(host.log_lines),
        content_key=key,
        computation=computation if key and computation != key else "",
        worker=state.worker,
        attempt=attempt,
        **meter.stop(),
    )


def _keys(state: RunState, node: Node, values: dict[str, Any], incoming: Incoming) -> tuple[str, str]:
    """The content key, empty while inputs are not complete, and the key of the computation; empty if not cached."""
    duty = state.spec.duties[node.id]
    if not duty.cache:
        return "", ""
    seed = state.spec.seed if duty.seeded else None
    key = "" if incoming.running else content_key(node, values, seed=seed)
    made_by = incoming.made_by()
    return key, computation_key(node, values, made_by, seed=seed) if made_by else key


def _claim(state: RunState, node: Node, key: str, computation: str) -> NodeResult | None:
    """The cached result of that key; None if this node must compute it.

    Raises Abandoned if another node computes it and the segment waits without this executor.
    """
    while True:
        answer = state.link.ask(Claim(state.number, node.id, key, computation))
        if isinstance(answer, Known):
            return NodeResult.model_validate_json(bytes(answer.result))
        assert isinstance(answer, Outcome), answer
        if answer.verdict is Verdict.OK:
            return None
        if answer.verdict is Verdict.PARKED or state.cancelled:
            raise Abandoned
        time.sleep(BUSY_S)


def _declaration(state: RunState, node: Node) -> NodeDeclaration:
    declaration = state.executor.services.get(node.service)
    if declaration is None or declaration.version != node.version:
        raise WorkbenchError(
            "node.version_mismatch",
            f"this worker cannot run {node.service} {node.version}",
            where=f"node {node.id}",
            seen=declaration.version if declaration else "not installed",
            allowed=node.version,
            remedy="Install the client's version on the workers, or submit again with the current one.",
        )
    return declaration


def _inputs(state: RunState, node: Node, declaration: NodeDeclaration, incoming: Incoming) -> dict[str, Any]:
    """The values of the inputs, without those that are still being made."""
    values: dict[str, Any] = {}
    for name, bound in node.input.items():
        named = references(bound)
        if not named:
            values[name] = literal(bound)
            continue
        if name in incoming.running:
            continue
        first = first_available(named, state.outputs)
        if first is not None:
            values[name] = first
        elif declaration.inputs.model_fields[name].is_required():
            raise NodeError(
                f"{node.service} needs {name}, but none of its sources provides it",
                where=f"node {node.id}: input.{name}",
                seen=", ".join(f"{ref} ({state.status.get(ref.node, 'not made')})" for ref in named),
                remedy="Add an edge from that source to this node, or set a value.",
            )
    return values


def _params(node: Node, declaration: NodeDeclaration) -> BaseModel:
    """The node's parameters. They were validated at submit, so an error means other code under the same version."""
    try:
        return declaration.params.model_validate(node.params)
    except ValidationError as error:
        raise invalid(
            error,
            "node.version_mismatch",
            f"{node.service} {node.version} on this worker has different parameters than on the client",
            where=f"node {node.id}: params",
            remedy="Restart the workers so that they run the same code as the client.",
        ) from None


def _validated(model: type[BaseModel], values: dict[str, Any], node: Node) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(
            error,
            "node.bad_input",
            f"an input does not match {node.service}",
            where=f"node {node.id}: input",
            remedy="Check the node that produced this value.",
        ) from None
