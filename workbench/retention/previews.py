"""Removes the previews of ended jobs, which are useful only while a job runs."""

from __future__ import annotations

from workbench.store.jobs import JobStore
from workbench.store.objects import Objects


def remove_previews(objects: Objects, store: JobStore, *, dry_run: bool = False) -> int:
    """Remove the previews of jobs that are final or deleted. Returns their number. Raises WorkbenchError."""
    gone = 0
    for job in objects.jobs_with_previews():
        record = store.get(job)
        if record is None or record.status.final:
            gone += len(objects.previews(job)) if dry_run else objects.delete_previews(job)
    return gone
