"""Content keys: the identity of a computation, by which its result is found again."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from schemas.graph import Graph, Node
from schemas.refs import is_ref

_OPTIONS = orjson.OPT_SORT_KEYS


def content_key(node: Node, inputs: dict[str, Any], *, seed: int | None) -> str:
    """SHA-256 (hex) over what the node is, canonical parameters, input digests, and the seed where it counts.

    Args:
        node: with its parameters validated and its version, code, weights and packages pinned.
        inputs: the values of its inputs; a reference counts by its digest alone.
        seed: of the job, for a node declared ``seeded=True``, else None.
    """
    identity = [*_what(node), node.params, _digests(inputs), seed]
    return hashlib.sha256(orjson.dumps(identity, option=_OPTIONS)).hexdigest()


def graph_hash(graph: Graph) -> str:
    """SHA-256 (hex) over what a graph asks for: not over its state, names, tags or metadata."""
    asked = {
        "nodes": sorted([node.id, *_what(node), node.params, _digests(node.input)] for node in graph.nodes),
        "edges": sorted([edge.from_, edge.to, edge.kind.value] for edge in graph.edges),
        "seed": graph.context.get("seed", 0),
    }
    return hashlib.sha256(orjson.dumps(asked, option=_OPTIONS)).hexdigest()


def _what(node: Node) -> list[Any]:
    """Service, version, digest of the code, digest of the weights, versions of the packages. Nothing of the machine."""
    return [node.service, node.version or "", node.code or "", node.weights or "", node.packages or []]


def _digests(value: Any) -> Any:
    if is_ref(value):
        return {"sha256": value["sha256"]}
    if isinstance(value, dict):
        return {name: _digests(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_digests(item) for item in value]
    return value
