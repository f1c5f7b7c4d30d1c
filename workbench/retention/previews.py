"""The previews of jobs that have ended: they were only worth something while the job ran."""

from __future__ import annotations

from workbench.store.jobs import JobStore
from workbench.store.objects import Objects


def remove_previews(objects: Objects, store: JobStore, *, dry_run: bool = False) -> int:
    """Remove the previews of jobs that are final or deleted; returns how many. Raises WorkbenchError."""
    gone = 0
    for job in objects.jobs_with_previews():
        record = store.get(job)
        if record is None or record.status.final:
            gone += len(objects.previews(job)) if dry_run else objects.delete_previews(job)
    return gone
