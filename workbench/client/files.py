"""Turns the files that a user gives, by path, digest or reference, into references. All front ends use this module.

A path is opened on this machine, so only the command line and notebooks create paths from a user's text. HTTP bodies
and pages name files by the digest of an upload, and a text is never interpreted as a path.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.graph import Graph, Node
from schemas.refs import Ref, map_refs
from schemas.warning import JobWarning
from workbench.client.deployment import Deployment
from workbench.client.loras import is_lora_name, lora_named
from workbench.client.uploads import FILE_TYPES, store_file, upload_kind
from workbench.pipelines.sdk import InputField

SAMPLE = "sample"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def portrait_file(given: str | Path, home: Path) -> Path:
    """The file of the given name. ``sample`` is the packaged portrait, unless a file of that name exists."""
    path = Path(given).expanduser()
    if str(given) == SAMPLE and not path.exists():
        from nodes._samples import sample_portrait

        folder = home / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        return sample_portrait(folder)
    return path


def path_or_name(given: str | Path, wanted: InputField) -> str | Path:
    """What the command line or a notebook gives for a file: a path, or the name of a LoRA, unless there is such a file.

    Only a LoRA without a suffix is taken for a name, so that a mistyped path is reported as one.
    """
    path = Path(given).expanduser()
    by_name = wanted.upload_kind == "lora" and is_lora_name(str(given)) and not path.is_file()
    return str(given) if by_name else Path(given)


@cache
def sample_digests() -> frozenset[str]:
    """Digests of the packaged samples as uploads; none if the package that contains them is not installed."""
    from nodes._samples import sample_portrait

    with tempfile.TemporaryDirectory(prefix="sample-") as folder:
        try:
            content = sample_portrait(Path(folder)).read_bytes()
        except WorkbenchError as error:
            if error.code != "node.missing_package":
                raise
            return frozenset()
    return frozenset({hashlib.sha256(content).hexdigest()})


def file_given(
    deployment: Deployment, value: object, wanted: InputField, *, reader: str | None
) -> tuple[Ref, list[JobWarning]]:
    """The reference for the value of a file input, and the warnings about a file that is uploaded here.

    Warnings about faces are left to the services, which know what they need of a portrait.

    Args:
        value: a reference; a ``Path``, which is uploaded; or a text, which is a digest or the name of a LoRA.
        reader: the owner whose uploads, artifacts and trainings a text may name; None for all owners.

    Raises WorkbenchError: artifact.unknown, lora.unknown, request.invalid, and the errors of ``uploads.store_file``.
    """
    if isinstance(value, Ref):
        return value, []
    if isinstance(value, Path):
        path = portrait_file(value, deployment.settings.home) if wanted.form.sample else value.expanduser()
        ref, found = store_file(deployment, path, wanted.upload_kind)
        told = [one for one in found if not one.code.startswith("face.")]
        return ref, [JobWarning(where=wanted.name, message=f"{one.message} {one.remedy}") for one in told]
    text = str(value)
    if wanted.upload_kind == "lora" and not _DIGEST.fullmatch(text):
        return lora_named(deployment, text, reader, where=wanted.name), []
    return given_ref(deployment, text, wanted.upload_kind, owner=reader, where=wanted.name), []


def given_ref(deployment: Deployment, sha256: str, kind: str, *, owner: str | None, where: str) -> Ref:
    """The reference of an upload or artifact.

    Args:
        kind: image, audio, video, portraits or lora; other kinds are refused.
        owner: the owner whose jobs and uploads count; None for all owners.
        where: the option to name in the error.

    Raises WorkbenchError: artifact.unknown, request.invalid.
    """
    ref = _readable(deployment, sha256, owner)
    if ref is None:
        raise WorkbenchError(
            "artifact.unknown",
            f"this deployment has no upload and no artifact {sha256[:12]}…",
            where=where,
            seen=sha256,
            remedy="Upload the file again (POST /api/uploads) and use the digest in the response.",
        )
    if upload_kind(ref) != kind:
        raise _of_another_kind(where, kind, upload_kind(ref))
    return ref


def _of_another_kind(where: str, wanted: str, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        f"{where} takes {wanted}, but this file is {seen}",
        where=where,
        seen=seen,
        allowed=wanted,
        remedy=f"Choose a file of the kind {wanted}.",
    )


def with_stored_refs(deployment: Deployment, graph: Graph, *, owner: str | None, known: Collection[str] = ()) -> Graph:
    """The graph with the properties of its files (size, media type, name, …) as they are stored.

    A graph may refer only to files that its owner may read, because a job grants access to its files.

    Args:
        owner: the owner whose jobs and uploads count. None for all owners; then a file may also be in the object store
            alone, where its bytes are checked.
        known: digests that need no check and no replacement.

    Raises WorkbenchError: artifact.unknown, and request.invalid for a file of another kind, with the node.
    """
    stored: dict[str, Ref | None] = {}

    def replace(node: Node, ref: Ref) -> Ref:
        if ref.sha256 in known:
            return ref
        if ref.sha256 not in stored:
            stored[ref.sha256] = _readable(deployment, ref.sha256, owner)
        found = stored[ref.sha256]
        if found is None:
            if owner is None:
                return ref
            raise WorkbenchError(
                "artifact.unknown",
                f"node {node.id} uses a file that no job and no upload of yours contains",
                where=f"node {node.id}",
                seen=ref.sha256,
                remedy="Upload the file (POST /api/uploads) and use the digest in the response.",
            )
        if found.kind == ref.kind:
            return found
        same = {found.kind, ref.kind} <= {"file", "json", "text"}  # the same bytes, seen in another way
        if same and found.media_type not in FILE_TYPES.values():  # whose kind says that they are of a person
            return ref.model_copy(update={"size_bytes": found.size_bytes, "name": found.name})
        raise _of_another_kind(f"node {node.id}", ref.kind, found.kind)

    def of_store(node: Node) -> Node:
        parts = {"params": node.params, "input": node.input, "output": node.output}
        return node.model_copy(update=map_refs(parts, lambda ref: replace(node, ref)))

    return graph.model_copy(update={"nodes": [of_store(node) for node in graph.nodes]})


def _readable(deployment: Deployment, sha256: str, owner: str | None) -> Ref | None:
    if owner is not None:
        return deployment.grants.readable(sha256, owner, all_jobs=False)
    return deployment.store.artifact(sha256) or deployment.grants.any_upload(sha256)
