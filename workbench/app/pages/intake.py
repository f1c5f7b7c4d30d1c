"""Stores files from a page as artifacts of the deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.upload import Upload
from workbench.app.uploads.copies import place_of
from workbench.client.access import User, need_runner
from workbench.client.deployment import Deployment
from workbench.client.files import given_ref, sample_digests
from workbench.client.uploads import keep_sample, keep_upload
from workbench.retention.local_files import gradio_folder


def take_in(deployment: Deployment, path: Path, kind: str, user: User) -> dict[str, Any]:
    """Store the file; returns ``schemas.upload.Upload`` as JSON. Raises WorkbenchError: upload.*, access.forbidden.

    A component usually names the copy of an upload, which was stored and inspected when it arrived: a second inspection
    would see only the stored image, and encode a JPEG once more.
    """
    need_runner(user)
    copy = place_of(str(path), gradio_folder())
    found = _uploaded(deployment, copy.parent.name, kind, user) if copy else None
    if found is not None:
        return found
    return _shown(keep_upload(deployment, path, owner=user.name, kind=kind))


def take_sample(deployment: Deployment, user: User) -> dict[str, Any]:
    """The packaged portrait, marked as a sample. Raises like ``take_in``."""
    need_runner(user)
    return {**_shown(keep_sample(deployment, user.name)), "sample": True}


def take_again(deployment: Deployment, sha256: str | None, kind: str, user: User) -> dict[str, Any] | None:
    """A file of an earlier job, with the inspection result of its upload. Raises WorkbenchError (artifact.unknown)."""
    if sha256 is None:
        return None
    found = _uploaded(deployment, sha256, kind, user)
    if found is not None:
        return {**found, "sample": sha256 in sample_digests()}
    ref = given_ref(deployment, sha256, kind, owner=None if user.sees_all else user.name, where=kind)
    shown: dict[str, Any] = {
        "ref": ref.model_dump(mode="json", by_alias=True),
        "kind": kind,
        "faces": None,
        "warnings": [],
    }
    return {**shown, "sample": sha256 in sample_digests()}


def _uploaded(deployment: Deployment, sha256: str, kind: str, user: User) -> dict[str, Any] | None:
    """The inspection result of an upload of this user; None if there is none of this kind."""
    found = deployment.grants.upload(user.name, sha256)
    return _shown(Upload.model_validate(found)) if found is not None and found.get("kind") == kind else None


def _shown(upload: Upload) -> dict[str, Any]:
    return upload.model_dump(mode="json", by_alias=True, exclude_none=True)
