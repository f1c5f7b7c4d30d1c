"""Quotas of stored bytes, for each user and in all. They are checked before something is uploaded or submitted."""

from __future__ import annotations

from schemas.errors import WorkbenchError
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.store.usage import stored_bytes

GIB = 2**30


def check_quotas(deployment: Deployment, owner: str, more_bytes: int = 0) -> None:
    """Check that a file of this size, or the files of another job, may be stored. Blocks for up to two queries.

    Concurrent requests may exceed a quota slightly.

    Raises WorkbenchError (access.quota) if a quota would be exceeded, or is reached already.
    """
    settings, database = deployment.settings, deployment.store.database
    who = "you have" if owner == LOCAL.name else f"{owner} has"
    quotas = (
        (settings.quota_user_gib, owner, who, "WORKBENCH_QUOTA_USER_GIB"),
        (settings.quota_gib, None, "this deployment has", "WORKBENCH_QUOTA_GIB"),
    )
    for quota_gib, of, holder, variable in quotas:
        if quota_gib is None:
            continue
        used = stored_bytes(database, of)
        if used + max(more_bytes, 1) > quota_gib * GIB:
            more = f" and this file is {more_bytes / GIB:.3g} GiB large" if more_bytes else ""
            raise WorkbenchError(
                "access.quota",
                f"{holder} no space left within the quota of stored files",
                seen=f"{used / GIB:.3g} GiB are stored{more}",
                allowed=f"{quota_gib:g} GiB",
                remedy=f"Delete runs or uploaded files, or have an administrator raise {variable}.",
            )
