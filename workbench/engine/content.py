"""Content keys: the identity of a computation, under which its result is cached."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from schemas.graph import Graph, Node
from schemas.refs import is_ref

_OPTIONS = orjson.OPT_SORT_KEYS


def content_key(node: Node, inputs: dict[str, Any], *, seed: int | None) -> str:
    """SHA-256 (hex) of the node's identity, canonical parameters, input digests, and the seed if the node uses it.

    Args:
        node: a node with validated parameters and pinned version, code, weights and packages.
        inputs: the values of its inputs; of a reference, only the digest counts.
        seed: the job's seed for a node declared with ``seeded=True``, else None.
    """
    identity = [*_identity(node), node.params, _digests(inputs), seed]
    return hashlib.sha256(orjson.dumps(identity, option=_OPTIONS)).hexdigest()


def computation_key(node: Node, inputs: dict[str, Any], made_by: Mapping[str, str], *, seed: int | None) -> str:
    """The key of a computation whose inputs partly come in parts, so that their digests are not known when it starts.

    Args:
        node, inputs, seed: as for ``content_key``.
        made_by: by input that comes in parts: the key of the computation that makes it, and its output's name.
    """
    return content_key(node, inputs | {name: {"made_by": key} for name, key in made_by.items()}, seed=seed)


def graph_hash(graph: Graph) -> str:
    """SHA-256 (hex) of the computation that a graph describes, without its state, names, tags and metadata."""
    computation = {
        "nodes": sorted([node.id, *_identity(node), node.params, _digests(node.input)] for node in graph.nodes),
        "edges": sorted([edge.from_, edge.to, edge.kind.value] for edge in graph.edges),
        "seed": graph.context.get("seed", 0),
    }
    return hashlib.sha256(orjson.dumps(computation, option=_OPTIONS)).hexdigest()


def _identity(node: Node) -> list[Any]:
    """Service, version, digests of code, weights and models, versions of packages. Nothing depends on the machine."""
    made_of: list[Any] = [node.service, node.version or "", node.code or "", node.weights or "", node.packages or []]
    return [*made_of, node.models] if node.models else made_of


def _digests(value: Any) -> Any:
    if is_ref(value):
        return {"sha256": value["sha256"]}
    if isinstance(value, dict):
        return {name: _digests(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_digests(item) for item in value]
    return value
