"""Which artifacts a user may read."""

from __future__ import annotations

import re
from typing import NoReturn

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.app.identity import User
from workbench.client.bench import Bench

_DIGEST = re.compile(r"[0-9a-f]{64}")


def readable(bench: Bench, user: User, sha256: str) -> Ref:
    """The reference of an artifact that a job names which the user may see, or that the user brought in. Blocks.

    Routes that take a digest from a client call this first: a digest in a job is a grant to its owner.
    Raises WorkbenchError (artifact.unknown) for any other digest: that it exists is not told.
    """
    if not _DIGEST.fullmatch(sha256):
        unknown(sha256)
    ref = bench.grants.readable(sha256, user.name, all_jobs=user.sees_all)
    if ref is None:
        unknown(sha256)
    return ref


def unknown(sha256: str) -> NoReturn:
    raise WorkbenchError(
        "artifact.unknown",
        "there is no such artifact in a job you may see, and you did not upload it",
        where=sha256[:64],
        allowed="64 lower-case hex digits of an artifact",
        remedy="Look the artifact up in its job, or upload the file again.",
    )
