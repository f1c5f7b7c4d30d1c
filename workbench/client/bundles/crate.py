"""The RO-Crate metadata of a bundle: files, and each node's computation as a CreateAction with inputs and results.

Source: RO-Crate 1.1 and the Provenance profiles of Workflow Run RO-Crate, written by the library ``rocrate``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.bundle import BundledArtifact
from schemas.job import JobRecord, NodeRecord
from schemas.refs import refs_in

METADATA = "ro-crate-metadata.json"


def crate(
    title: str,
    records: Sequence[JobRecord],
    artifacts: Mapping[str, BundledArtifact],
    documents: Mapping[str, tuple[str, int]],
    licences: Sequence[Mapping[str, str]],
) -> bytes:
    """``ro-crate-metadata.json``: equal runs give equal bytes.

    Args:
        artifacts: by digest.
        documents: media type and size of the other files of the bundle, by path.
        licences: ``name`` and ``url`` of each licence of a model that took part.
    """
    from rocrate.model import ContextEntity
    from rocrate.model.file import File
    from rocrate.rocrate import ROCrate

    made = ROCrate(version="1.1")
    made.name = title
    made.description = "Runs of a talking-head workbench, with their graphs, inputs, results and versions."
    made.root_dataset["datePublished"] = _when(max(one.finished_at or one.created_at for one in records))
    made.root_dataset["license"] = "See LICENCES.md: each model has its own licence."
    for path, (media_type, size) in documents.items():
        made.add(File(made, None, path, properties={"encodingFormat": media_type, "contentSize": str(size)}))
    files: dict[str, Any] = {}
    for sha256, one in artifacts.items():
        about = {"name": one.name or f"{one.kind} {sha256[:12]}", "encodingFormat": one.media_type, "sha256": sha256}
        if one.size_bytes is not None:
            about["contentSize"] = str(one.size_bytes)
        if one.path is not None:
            files[sha256] = made.add(File(made, None, one.path, properties=about))
        else:  # known by its digest alone
            files[sha256] = made.add(
                ContextEntity(made, f"urn:sha256:{sha256}", properties={"@type": "CreativeWork", **about})
            )
    for licence in licences:
        made.add(ContextEntity(made, licence["url"], properties={"@type": "CreativeWork", "name": licence["name"]}))
    actions = []
    for record in records:
        for node in record.nodes:
            actions.append(made.add(_action(made, ContextEntity, record, node, files)))
    made.root_dataset["mentions"] = actions
    return orjson.dumps(made.metadata.generate(), option=orjson.OPT_INDENT_2)


def _action(made: Any, entity: Any, record: JobRecord, node: NodeRecord, files: Mapping[str, Any]) -> Any:
    asked = record.graph.node(node.id)
    program = f"#{node.service}@{asked.version}"
    if made.dereference(program) is None:
        software = {"@type": "SoftwareApplication", "name": node.service, "softwareVersion": asked.version or ""}
        made.add(entity(made, program, properties=software))
    about: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"{record.id}: {node.id}",
        "actionStatus": {"@id": f"http://schema.org/{_status(node.status.value)}"},
        "instrument": {"@id": program},
        "object": [{"@id": files[ref.sha256].id} for ref in refs_in([asked.params, asked.input])],
        "result": [{"@id": files[ref.sha256].id} for ref in refs_in(node.output or {})],
    }
    if node.started_at is not None:
        about["startTime"] = _when(node.started_at)
    if node.finished_at is not None:
        about["endTime"] = _when(node.finished_at)
    if node.error is not None:
        about["error"] = node.error.message
    return entity(made, f"#{record.id}/{node.id}", properties=about)


def _status(status: str) -> str:
    return "CompletedActionStatus" if status == "completed" else "FailedActionStatus"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
