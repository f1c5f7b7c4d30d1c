"""Stores files from a page as artifacts of the deployment."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from schemas.upload import Upload
from workbench.client.access import LOCAL, User, need_runner
from workbench.client.deployment import Deployment
from workbench.client.files import given_ref
from workbench.client.uploads import keep_sample, keep_upload


def take_in(deployment: Deployment, path: Path, kind: str, user: User) -> dict[str, Any]:
    """Store the file; returns ``schemas.upload.Upload`` as JSON. Raises WorkbenchError: upload.*, access.forbidden."""
    need_runner(user)
    return _shown(keep_upload(deployment, path, owner=user.name, kind=kind))


def take_sample(deployment: Deployment, user: User) -> dict[str, Any]:
    """The packaged portrait, marked as a sample, which requires no consent. Raises like ``take_in``."""
    need_runner(user)
    return {**_shown(keep_sample(deployment, user.name)), "sample": True}


def take_again(deployment: Deployment, sha256: str | None, kind: str, user: User) -> dict[str, Any] | None:
    """A file of an earlier job, with the inspection result of its upload. Raises WorkbenchError (artifact.unknown)."""
    if sha256 is None:
        return None
    found = deployment.grants.upload(user.name, sha256)
    if found is not None and found.get("kind") == kind:
        return {**_shown(Upload.model_validate(found)), "sample": sha256 == _sample_digest(deployment)}
    ref = given_ref(deployment, sha256, kind, owner=None if user.sees_all else user.name, where=kind)
    shown: dict[str, Any] = {
        "ref": ref.model_dump(mode="json", by_alias=True),
        "kind": kind,
        "faces": None,
        "warnings": [],
    }
    return {**shown, "sample": sha256 == _sample_digest(deployment)}


@cache
def _sample_digest(deployment: Deployment) -> str:
    """The digest of the packaged portrait, the same from every front end."""
    return keep_sample(deployment, LOCAL.name).ref.sha256


def _shown(upload: Upload) -> dict[str, Any]:
    return upload.model_dump(mode="json", by_alias=True, exclude_none=True)
