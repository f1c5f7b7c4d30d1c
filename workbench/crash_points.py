"""Named places in the moves of a job at which a test may have a process die, as if the power had gone there.

``WORKBENCH_CRASH_AT=commit.answered:2`` kills the process with SIGKILL when it reaches that point for the second time;
the file named in ``WORKBENCH_CRASH_MARK`` then says which one it was. Without the first variable nothing happens.
"""

from __future__ import annotations

import itertools
import os
import signal
from enum import StrEnum
from pathlib import Path


class CrashPoint(StrEnum):
    """What has just happened, or is about to, when the process dies."""

    TAKE_ASKED = "take.asked"  # the worker is about to ask for a segment
    TAKE_ANSWERED = "take.answered"  # the bus gave a lease, nothing ran under it yet
    COMMIT_UPLOADED = "commit.uploaded"  # the node's files are in the store, its result is not on the bus
    COMMIT_ANSWERED = "commit.answered"  # the result is visible, the worker does not know what follows

    FAIL_ASKED = "fail.asked"  # an attempt failed, and the bus does not know
    FAIL_ANSWERED = "fail.answered"  # the bus has enqueued the next attempt, the executor was not told
    RELEASE_ASKED = "release.asked"  # a draining worker is about to hand a segment back
    RELEASE_ANSWERED = "release.answered"  # it has handed it back
    EXPIRE_ASKED = "expire.asked"  # the reaper found a lease that stood still
    EXPIRE_ANSWERED = "expire.answered"  # the lease is free, its segment enqueued
    EPOCH_BEGUN = "epoch.begun"  # the bus is marked, no job was put back
    JOB_PUT_BACK = "epoch.put_back"  # one of several jobs is on the bus again
    RECALLED = "epoch.recalled"  # the bus has SQL's word, no worker was let present a lease
    GRACE_OVER = "epoch.grace_over"  # workers have presented their leases, the deployment is still closed
    ALL_ENQUEUED = "epoch.enqueued"  # what nobody presented is enqueued, the deployment is still closed
    DEPLOYMENT_OPENED = "epoch.opened"  # the deployment is open, workers that were woken in vain were not woken again

    OUTBOX_READ = "record.read"  # the recorder has a batch that SQL does not have
    BATCH_APPLIED = "record.applied"  # SQL has the batch, the bus was not told
    BATCH_CONFIRMED = "record.confirmed"  # the bus has forgotten the batch
    RUN_CREATING = "track.creating"  # SQL says that a run is asked for, and it was not
    RUN_CREATED = "track.created"  # MLflow has a run, SQL does not have its id
    RUN_LOGGED = "track.logged"  # parameters and metrics are there, spans and artifacts are not
    RUN_FILLED = "track.filled"  # all of the run is there but its status
    RUN_ENDED = "track.ended"  # the run says FINISHED, SQL does not


_AT, _, _NTH = os.environ.get("WORKBENCH_CRASH_AT", "").partition(":")
_hits = itertools.count(1)


def reached(point: CrashPoint) -> None:
    """Die here, if that is what the environment asks for."""
    if _AT and point == _AT and next(_hits) >= int(_NTH or "1"):
        Path(os.environ["WORKBENCH_CRASH_MARK"]).write_text(point)
        os.kill(os.getpid(), signal.SIGKILL)
