"""The C2PA manifest of a file that a job made: that it is generated, by which services, from which files."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

from nodes.generate.remux import NOTICE
from schemas.delivery import Statement, UsedFile, UsedService
from schemas.graph import Graph, Node
from schemas.job import JobRecord
from schemas.refs import Ref, refs_in
from workbench.store.record import named_refs

GENERATOR = "talking-head-workbench"
STATEMENT = "org.talking-head-workbench.statement"  # label of our own assertion, in the form that C2PA prescribes
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
ALGORITHMIC = f"{_SOURCE_TYPES}algorithmicMedia"


def maker(record: JobRecord, ref: Ref) -> str | None:
    """The id of the node that made the file; None if the job was given the file, or does not have it."""
    if any(_is_in(ref, [node.params, node.input]) for node in record.graph.nodes):
        return None
    return next((node.id for node in record.nodes if _is_in(ref, node.output or {})), None)


def statement(ref: Ref, record: JobRecord | None) -> Statement:
    """What the manifest says about the file. ``record`` is the job that made it, if one did."""
    if record is None or (made_by := maker(record, ref)) is None:
        return Statement(notice=NOTICE, artifact=ref.sha256)
    nodes = _making(record.graph, made_by)
    return Statement(
        notice=NOTICE,
        artifact=ref.sha256,
        job=record.id,
        graph=record.graph_hash,
        pipeline=record.pipeline or record.graph.workflow_id,
        seed=record.seed,
        services=[
            UsedService(node=node.id, service=node.service, version=node.version, weights=node.weights)
            for node in nodes
        ],
        inputs=[
            UsedFile(node=node.id, name=name, kind=given.kind, media_type=given.media_type, sha256=given.sha256)
            for node in nodes
            for name, given in named_refs({**node.params, **node.input})
        ],
    )


def manifest(ref: Ref, stated: Statement) -> dict[str, Any]:
    """The manifest's definition, as the library takes it."""
    # Without a record of the services, the stronger statement: no model may hide behind a missing record.
    trained = not stated.services or any(used.weights or used.service.startswith("llm.") for used in stated.services)
    program = {"name": GENERATOR, "version": program_version()}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": TRAINED if trained else ALGORITHMIC,
        "softwareAgent": program,
        "description": "; ".join(f"{used.service} {used.version or ''}".strip() for used in stated.services) or NOTICE,
    }
    files = {used.sha256: used for used in stated.inputs}
    return {
        "claim_generator_info": [program],
        "title": ref.name or f"{ref.kind}-{ref.sha256[:12]}",
        "format": ref.media_type,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": STATEMENT, "data": stated.model_dump(mode="json", exclude_none=True)},
        ],
        "ingredients": [
            {
                "title": f"{used.name} of {used.node}",
                "format": used.media_type,
                "instance_id": f"urn:sha256:{used.sha256}",
                "relationship": "inputTo",
            }
            for used in files.values()
        ],
    }


@cache
def program_version() -> str:
    return metadata.version("talking-head-workbench")


def _is_in(ref: Ref, value: object) -> bool:
    return any(found.sha256 == ref.sha256 for found in refs_in(value))


def _making(graph: Graph, made_by: str) -> list[Node]:
    """The node and all nodes before it, in document order."""
    parents, wanted, todo = graph.parents(), set[str](), [made_by]
    while todo:
        node = todo.pop()
        if node not in wanted:
            wanted.add(node)
            todo += [edge.from_ for edge in parents[node]]
    return [node for node in graph.nodes if node.id in wanted]
