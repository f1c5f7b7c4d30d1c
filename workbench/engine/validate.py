"""Complete validation at submit: returns a pinned graph, or raises an error with a remedy before anything is queued."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nodes.identity import Identity
from nodes.registry import added
from nodes.sdk import NodeDeclaration
from schemas.errors import WorkbenchError
from schemas.graph import Graph, Node
from schemas.problem import first_problem, invalid
from schemas.refs import Ref, is_ref, refs_in
from schemas.status import NodeStatus
from schemas.warning import JobWarning
from workbench.engine.binding import bind, literal, references
from workbench.engine.structure import ancestors, topological_order

ModelsOf = Callable[[NodeDeclaration, Mapping[str, Any]], dict[str, str]]


@dataclass(frozen=True)
class Checked:
    """A graph that can run, with explicit planes, versions, identities, parameters and inputs."""

    graph: Graph
    order: list[str]
    declarations: dict[str, NodeDeclaration]  # by node id


def validate(
    graph: Graph,
    services: Mapping[str, NodeDeclaration],
    identity_of: Callable[[NodeDeclaration], Identity],
    models_of: ModelsOf = lambda _declaration, _params: {},
) -> Checked:
    """Check and pin a graph.

    Args:
        graph: a parsed graph.
        services: declarations by service name.
        identity_of: returns code, weights and packages of a service; raises WorkbenchError if they cannot be
            determined.
        models_of: returns the digests of the models that a node's parameters name; raises WorkbenchError.

    A completed node with an output stays completed, so that partial graphs can be resumed, unless it or a node before
    it was made by other code. All other states are reset. Raises WorkbenchError with a graph.* code.
    """
    order = topological_order(graph)
    declarations = {node.id: _declaration(node, services) for node in graph.nodes}
    before = ancestors(graph, order)
    parents = graph.parents()
    identities = {name: identity_of(one) for name, one in {one.service: one for one in declarations.values()}.items()}
    outdated = {node.id for node in graph.nodes if _is_outdated(node, declarations[node.id], identities[node.service])}
    pinned = []
    for node in graph.nodes:
        declaration, identity = declarations[node.id], identities[node.service]
        _check_plane(node, declaration)
        params = checked_params(node, declaration)
        stale = node.id in outdated or not before[node.id].isdisjoint(outdated)
        pinned.append(
            node.model_copy(
                update={
                    "plane": declaration.plane,
                    "version": declaration.version,
                    "code": identity.code,
                    "weights": identity.weights,
                    "packages": list(identity.packages),
                    "params": params,
                    "models": _models(node, declaration, params, models_of),
                    "input": bind(node, declaration, parents[node.id], before[node.id], declarations),
                    **_state(node, declaration, outdated=stale),
                }
            )
        )
    return Checked(graph.model_copy(update={"nodes": pinned}), order, declarations)


def _models(
    node: Node, declaration: NodeDeclaration, params: Mapping[str, Any], models_of: ModelsOf
) -> dict[str, str] | None:
    try:
        return (models_of(declaration, params) if declaration.models else None) or None
    except WorkbenchError as error:
        error.where = f"node {node.id}: {error.where}"
        raise


def bound(graph: Graph, services: Mapping[str, NodeDeclaration]) -> tuple[Graph, dict[str, NodeDeclaration]]:
    """The graph with explicit inputs, for a look at what its nodes take from each other, and declarations by node id.

    Raises WorkbenchError: graph.cycle, graph.unknown_service, and those of inputs. Parameters are not checked.
    """
    order = topological_order(graph)
    declarations = {node.id: _declaration(node, services) for node in graph.nodes}
    before, parents = ancestors(graph, order), graph.parents()
    inputs = {
        node.id: bind(node, declarations[node.id], parents[node.id], before[node.id], declarations)
        for node in graph.nodes
    }
    nodes = [node.model_copy(update={"input": inputs[node.id]}) for node in graph.nodes]
    return graph.model_copy(update={"nodes": nodes}), declarations


def run_checks(checked: Checked, open_ref: Callable[[Ref], Path]) -> list[JobWarning]:
    """Let each service check its available inputs, so that for example a portrait without a face is refused here.

    Returns the warnings of the checks with their nodes, each sentence once.

    Args:
        open_ref: returns a local file with an artifact's bytes; raises WorkbenchError (store.missing).
    """
    warnings: dict[str, JobWarning] = {}
    for node in checked.graph.nodes:
        for ref in refs_in(node.input):
            open_ref(ref)
        declaration = checked.declarations[node.id]
        check = declaration.check
        if not (check or declaration.portraits) or node.status is NodeStatus.COMPLETED:
            continue
        known = {name: _value(value, open_ref) for name, value in _visible(node, checked).items()}
        params = declaration.params.model_validate(node.params)
        try:
            found = _check_portraits(node, declaration, params, known)
            found += (check and check(params, known)) or ()
        except WorkbenchError as error:
            error.where = f"node {node.id}" + (f": {error.where}" if error.where else "")
            raise
        for sentence in found:
            warnings.setdefault(sentence, JobWarning(where=f"node {node.id}", message=sentence))
    return list(warnings.values())


def _check_portraits(
    node: Node, declaration: NodeDeclaration, params: BaseModel, known: Mapping[str, Any]
) -> list[str]:
    """Warnings about the portraits among the available inputs. Raises NodeError for one that cannot be used."""
    given = {name: path for name, path in known.items() if name in declaration.portraits and isinstance(path, Path)}
    if not given:
        return []
    from nodes._face import check_portrait

    found = []
    for name, path in given.items():
        needs = declaration.portraits[name]
        if references(node.input[name]):  # another node, which may enlarge it, comes first
            needs = replace(needs, good_face_px=needs.least_face_px)
        found += check_portrait(path, needs, getattr(params, needs.chosen_by) if needs.chosen_by else 0)
    return found


def _visible(node: Node, checked: Checked) -> dict[str, Any]:
    """The inputs that are available before the run, also through nodes that keep their subject.

    Such a node names the input or the parameter from which its output comes; an empty parameter says nothing yet.
    """
    found: dict[str, Any] = {}
    for name, value in node.input.items():
        seen = value
        while (named := references(seen)) and len(named) == 1:
            source = checked.declarations[named[0].node].same_subject.get(named[0].output)
            producer = checked.graph.node(named[0].node)
            seen = producer.input.get(source, producer.params.get(source) or None) if source else None
        if seen is not None and not references(seen):
            found[name] = seen
    return found


def _value(value: Any, open_ref: Callable[[Ref], Path]) -> Any:
    return open_ref(refs_in(value)[0]) if is_ref(value) else literal(value)


def _declaration(node: Node, services: Mapping[str, NodeDeclaration]) -> NodeDeclaration:
    declaration = services.get(node.service)
    if declaration is None:
        near = get_close_matches(node.service, services, n=3, cutoff=0.4)
        raise WorkbenchError(
            "graph.unknown_service",
            f"no service {node.service} is installed",
            where=f"node {node.id}: service",
            seen=node.service,
            allowed=near or sorted(services),
            remedy=_remedy_for_unknown(),
        )
    return declaration


def _remedy_for_unknown() -> str:
    new = added()
    if not new:
        return "`workbench nodes` lists the services."
    return (
        f"This process began before {', '.join(new)} existed. Restart it and the workers: `workbench down`, "
        "`workbench up`; for a notebook, restart its kernel too."
    )


def _check_plane(node: Node, declaration: NodeDeclaration) -> None:
    if node.plane is not None and node.plane is not declaration.plane:
        raise WorkbenchError(
            "graph.wrong_plane",
            f"{node.service} does not run on the {node.plane} plane",
            where=f"node {node.id}: plane",
            seen=node.plane.value,
            allowed=declaration.plane.value,
            remedy="Correct the plane or omit it.",
        )


def checked_params(node: Node, declaration: NodeDeclaration) -> dict[str, Any]:
    """The node's parameters with all defaults made explicit. Raises WorkbenchError (graph.bad_param)."""
    fields = declaration.params.model_fields
    unknown = sorted(set(node.params) - set(fields))
    if unknown:
        near = get_close_matches(unknown[0], fields, n=3)
        raise WorkbenchError(
            "graph.bad_param",
            f"{node.service} has no parameter {unknown[0]}",
            where=f"node {node.id}: params.{unknown[0]}",
            seen=unknown,
            allowed=near or sorted(fields),
            remedy=f"`workbench nodes {node.service}` shows its parameters.",
        )
    try:
        return declaration.params.model_validate(node.params).model_dump(mode="json")
    except ValidationError as error:
        raise invalid(
            error,
            "graph.bad_param",
            f"{node.service}: {first_problem(error).field or 'the parameters'}",
            where=f"node {node.id}: params",
            model=declaration.params,
            remedy=f"`workbench nodes {node.service}` shows its parameters.",
        ) from None


def _is_outdated(node: Node, declaration: NodeDeclaration, identity: Identity) -> bool:
    """Whether other code made its output than would make it now. Outputs from users have no recorded code."""
    made_by = ((node.version, declaration.version), (node.code, identity.code))
    return node.status is NodeStatus.COMPLETED and any(was not in (None, now) for was, now in made_by)


def _state(node: Node, declaration: NodeDeclaration, *, outdated: bool) -> dict[str, Any]:
    if node.status is NodeStatus.COMPLETED and node.output is not None and not outdated:
        try:
            declaration.outputs.model_validate(node.output)
        except ValidationError as error:
            raise invalid(
                error,
                "graph.bad_input",
                "the output of a completed node does not match its service",
                where=f"node {node.id}: output",
                remedy="Correct the output, or set the node's status to pending so that it runs again.",
            ) from None
        return {"error": None}
    fresh_retries = node.retries.model_copy(update={"attempt": 0})
    return {"status": NodeStatus.PENDING, "output": None, "error": None, "telemetry": {}, "retries": fresh_retries}
