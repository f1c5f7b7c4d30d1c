"""What the cells of a sweep compute: nodes with equal recipes are computed once, whichever cells they are in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nodes.registry import services
from nodes.sdk import NodeDeclaration
from schemas.event import NodeResult
from schemas.graph import Graph, Node
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.engine.binding import references
from workbench.engine.content import content_key, graph_hash
from workbench.engine.existing_results import available_values
from workbench.engine.pinning import pinned, pinned_models
from workbench.engine.validate import Checked, validate

_UNPINNED: dict[str, Any] = {"version": None, "code": None, "weights": None, "packages": None, "models": None}


@dataclass
class Recipe:
    """A distinct node: its service, parameters and inputs, where an input may be the output of another recipe."""

    node: Node
    declaration: NodeDeclaration
    parents: dict[str, str]  # recipe by the id of a parent node
    seed: int | None
    may_be_cached: bool
    depth: int
    result: NodeResult | None = None


@dataclass
class Recipes:
    """The distinct nodes of many graphs."""

    by_key: dict[str, Recipe] = field(default_factory=dict)
    count: int = 0  # of all nodes

    def add(self, checked: Checked, cell: int) -> list[str]:
        """Add the nodes of a graph. Returns their recipes."""
        graph = checked.graph
        use_cache = bool(graph.context.get("cache", True))
        seed = int(graph.context.get("seed", 0))
        nodes = {node.id: node for node in graph.nodes}
        parents = graph.parents()
        keys: dict[str, str] = {}
        for node_id in checked.order:
            node, declaration = nodes[node_id], checked.declarations[node_id]
            own_seed = seed if declaration.seeded else None
            shared = use_cache and declaration.cache
            inputs = {name: _made_by(value, keys) for name, value in node.input.items()}
            key = content_key(node, inputs if shared else {**inputs, "cell": cell}, seed=own_seed)
            keys[node_id] = key
            self.count += 1
            if key in self.by_key:
                continue
            above = {edge.from_: keys[edge.from_] for edge in parents[node_id]}
            named = {one.node: keys[one.node] for value in node.input.values() for one in references(value)}
            before = {**above, **named}
            fires = all(edge.kind.fires(NodeStatus.COMPLETED) for edge in parents[node_id])
            depth = 1 + max((self.by_key[one].depth for one in before.values()), default=-1)
            self.by_key[key] = Recipe(node, declaration, before, own_seed, shared and fires, depth)
        return [keys[node.id] for node in graph.nodes]

    def look_up(self, deployment: Deployment) -> None:
        """Find the results that exist already, level by level, with one query each. Raises WorkbenchError (sql.*)."""
        levels: dict[int, list[Recipe]] = {}
        for recipe in self.by_key.values():
            levels.setdefault(recipe.depth, []).append(recipe)
        for depth in sorted(levels):
            keys: dict[str, list[Recipe]] = {}
            for recipe in levels[depth]:
                if not recipe.may_be_cached:
                    continue
                found = {node: self.by_key[key].result for node, key in recipe.parents.items()}
                known = {node: result for node, result in found.items() if result is not None}
                values = available_values(recipe.node, known) if len(known) == len(found) else None
                if values is not None:
                    keys.setdefault(content_key(recipe.node, values, seed=recipe.seed), []).append(recipe)
            for key, output in deployment.store.computed(keys).items():
                for recipe in keys[key]:
                    recipe.result = NodeResult(output=output, cached=True, content_key=key)

    def cached(self, keys: Iterable[str]) -> bool:
        """Whether all of these have results."""
        return all(self.by_key[key].result is not None for key in keys)


class Checker:
    """Validates many graphs; what they share is looked up once."""

    def __init__(self, deployment: Deployment) -> None:
        self._snapshot = deployment.snapshot
        with deployment.asking_bus():
            self._snapshot.refresh()
        self._services = services()
        self._identities: dict[str, Any] = {}
        self._models: dict[tuple[str, tuple[Any, ...]], dict[str, str]] = {}

    def check(self, graph: Graph) -> Checked:
        """The graph with pinned nodes. Raises WorkbenchError: graph.*, node.*."""
        return validate(graph, self._services, self._identity, self._model)

    def _identity(self, declaration: NodeDeclaration) -> Any:
        if declaration.service not in self._identities:
            self._identities[declaration.service] = pinned(declaration, self._snapshot)
        return self._identities[declaration.service]

    def _model(self, declaration: NodeDeclaration, params: Any) -> dict[str, str]:
        key = declaration.service, tuple(params[name] for name in declaration.models)
        if key not in self._models:
            self._models[key] = pinned_models(declaration, params, self._snapshot)
        return self._models[key]


def cell_hash(checked: Checked) -> str:
    """Identifies what a cell asks for, whatever version of a service computes it."""
    nodes = [node.model_copy(update=_UNPINNED) for node in checked.graph.nodes]
    return graph_hash(checked.graph.model_copy(update={"nodes": nodes}))


def _made_by(value: Any, keys: dict[str, str]) -> Any:
    named = references(value)
    return {"made_by": [[keys[one.node], one.output] for one in named]} if named else value
