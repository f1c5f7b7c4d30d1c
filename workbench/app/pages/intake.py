"""What was captured on a page becomes an artifact of the deployment."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from nodes._samples import sample_portrait
from schemas.upload import Upload
from workbench.client.access import LOCAL, User, need_runner
from workbench.client.deployment import Deployment
from workbench.client.files import given_ref
from workbench.client.uploads import keep_sample, keep_upload


def take_in(deployment: Deployment, path: Path, kind: str, user: User) -> dict[str, Any]:
    """The file as ``schemas.upload.Upload`` in JSON. Raises WorkbenchError (upload.*, access.forbidden)."""
    need_runner(user)
    return _shown(keep_upload(deployment, path, owner=user.name, kind=kind))


def take_sample(deployment: Deployment, user: User) -> dict[str, Any]:
    """The packaged portrait, marked as such: nobody's consent is needed for it. Raises as ``take_in``."""
    need_runner(user)
    return {**_shown(keep_sample(deployment, user.name)), "sample": True}


def take_again(deployment: Deployment, sha256: str | None, kind: str, user: User) -> dict[str, Any] | None:
    """A file of an earlier job, as it was found when it was brought in. Raises WorkbenchError (artifact.unknown)."""
    if sha256 is None:
        return None
    found = deployment.grants.upload(user.name, sha256)
    if found is not None and found.get("kind") == kind:
        return {**_shown(Upload.model_validate(found)), "sample": sha256 in sample_digests(deployment)}
    ref = given_ref(deployment, sha256, kind, owner=None if user.sees_all else user.name, where=kind)
    shown: dict[str, Any] = {
        "ref": ref.model_dump(mode="json", by_alias=True),
        "kind": kind,
        "faces": None,
        "warnings": [],
    }
    return {**shown, "sample": sha256 in sample_digests(deployment)}


@cache
def sample_digests(deployment: Deployment) -> frozenset[str]:
    """Digests of the packaged portrait: as an upload keeps it, and as the command line and notebooks give it."""
    kept = keep_sample(deployment, LOCAL.name).ref.sha256
    with tempfile.TemporaryDirectory(prefix="sample-") as folder:
        packaged = hashlib.sha256(sample_portrait(Path(folder)).read_bytes()).hexdigest()
    return frozenset({kept, packaged})


def _shown(upload: Upload) -> dict[str, Any]:
    return upload.model_dump(mode="json", by_alias=True, exclude_none=True)
