"""What a person may refer to by its digest: uploads of theirs, and files of jobs they may see."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import Ref, refs_in

if TYPE_CHECKING:
    from workbench.client.bench import Bench


def given_ref(bench: Bench, sha256: str, kind: str, *, owner: str | None, where: str) -> Ref:
    """The reference of an upload or artifact.

    Args:
        kind: image, audio or video; another is refused.
        owner: whose jobs and uploads count; None: everybody's.
        where: the option, for the error.

    Raises WorkbenchError: artifact.unknown, request.invalid.
    """
    ref = _readable(bench, sha256, owner)
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


def check_refs(bench: Bench, graph: Graph, *, owner: str | None, known: Collection[str] = ()) -> None:
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
                if _readable(bench, ref.sha256, owner) is None:
                    raise WorkbenchError(
                        "artifact.unknown",
                        f"node {node.id} names a file that is in no job and no upload of yours",
                        where=f"node {node.id}",
                        seen=ref.sha256,
                        remedy="Upload the file (POST /api/uploads) and name the digest of the answer.",
                    )


def _readable(bench: Bench, sha256: str, owner: str | None) -> Ref | None:
    if owner is not None:
        return bench.grants.readable(sha256, owner, all_jobs=False)
    return bench.store.artifact(sha256) or bench.grants.any_upload(sha256)
