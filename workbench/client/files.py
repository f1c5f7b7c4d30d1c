"""The files that a person gives, as references: by path, by digest, or as they are. Every front end comes through here.

A path is opened on this machine, so only the command line and notebooks make one of what a person typed. HTTP bodies
and pages name files by the digest of an upload, and a text is never taken for a path.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import Ref, refs_in
from workbench.client.samples import portrait_file
from workbench.pipelines.sdk import InputField

if TYPE_CHECKING:
    from workbench.client.deployment import Deployment


def file_given(deployment: Deployment, value: object, wanted: InputField, *, reader: str | None) -> Ref:
    """What was given for an input that is a file, as a reference.

    Args:
        value: a reference; a ``Path``, which is uploaded; a text, which is a digest.
        reader: whose uploads and artifacts a digest may name; None: everybody's.

    Raises WorkbenchError: artifact.unknown, request.invalid, and what ``Deployment.upload`` raises.
    """
    if isinstance(value, Ref):
        return value
    if isinstance(value, Path):
        path = portrait_file(value, deployment.settings.home) if wanted.form.sample else value.expanduser()
        ref: Ref = deployment.upload(path, wanted.kind.value)
        return ref
    return given_ref(deployment, str(value), wanted.kind.value, owner=reader, where=wanted.name)


def given_ref(deployment: Deployment, sha256: str, kind: str, *, owner: str | None, where: str) -> Ref:
    """The reference of an upload or artifact.

    Args:
        kind: image, audio or video; another is refused.
        owner: whose jobs and uploads count; None: everybody's.
        where: the option, for the error.

    Raises WorkbenchError: artifact.unknown, request.invalid.
    """
    ref = _readable(deployment, sha256, owner)
    if ref is None:
        raise WorkbenchError(
            "artifact.unknown",
            f"there is no upload and no artifact {sha256[:12]}… here",
            where=where,
            seen=sha256,
            remedy="Upload the file again (POST /api/uploads) and give the digest of the answer.",
        )
    if ref.kind != kind:
        raise WorkbenchError(
            "request.invalid",
            f"{where} takes {kind}, and this is {ref.kind}",
            where=where,
            seen=ref.kind,
            allowed=kind,
            remedy=f"Give a file that is {kind}.",
        )
    return ref


def check_refs(deployment: Deployment, graph: Graph, *, owner: str | None, known: Collection[str] = ()) -> None:
    """Whether a graph names only files that its owner may read: a job grants what it names.

    Args:
        known: digests that need no question.

    Raises WorkbenchError (artifact.unknown) naming the node.
    """
    if owner is None:
        return
    seen = set(known)
    for node in graph.nodes:
        for ref in refs_in([node.params, node.input, node.output or {}]):
            if ref.sha256 not in seen:
                seen.add(ref.sha256)
                if _readable(deployment, ref.sha256, owner) is None:
                    raise WorkbenchError(
                        "artifact.unknown",
                        f"node {node.id} names a file that is in no job and no upload of yours",
                        where=f"node {node.id}",
                        seen=ref.sha256,
                        remedy="Upload the file (POST /api/uploads) and name the digest of the answer.",
                    )


def _readable(deployment: Deployment, sha256: str, owner: str | None) -> Ref | None:
    if owner is not None:
        return deployment.grants.readable(sha256, owner, all_jobs=False)
    return deployment.store.artifact(sha256) or deployment.grants.any_upload(sha256)
