"""Named points in the processing of a job at which a test can kill the process, as if the power had failed.

``WORKBENCH_CRASH_AT=commit.answered:2`` kills the process with SIGKILL when it reaches that point for the second time.
The file in ``WORKBENCH_CRASH_MARK`` then contains the name of the point. Without the first variable nothing happens.
"""

from __future__ import annotations

import itertools
import os
import signal
from enum import StrEnum
from pathlib import Path


class CrashPoint(StrEnum):
    """A point at which the process dies; its comment says what has just happened or is about to happen."""

    TAKE_ASKED = "take.asked"  # the worker is about to take a segment
    TAKE_ANSWERED = "take.answered"  # the bus granted a lease, and nothing has run under it yet
    COMMIT_UPLOADED = "commit.uploaded"  # the node's files are in the store, but its result is not on the bus
    COMMIT_ANSWERED = "commit.answered"  # the result is visible, but the worker does not have the response

    FAIL_ASKED = "fail.asked"  # an attempt failed, but the bus does not know
    FAIL_ANSWERED = "fail.answered"  # the bus has enqueued the next attempt, but the executor does not know
    RELEASE_ASKED = "release.asked"  # a draining worker is about to return a segment
    RELEASE_ANSWERED = "release.answered"  # it has returned the segment
    EXPIRE_ASKED = "expire.asked"  # the reaper found a lease that was not renewed
    EXPIRE_ANSWERED = "expire.answered"  # the lease is free, and its segment is enqueued
    EPOCH_BEGUN = "epoch.begun"  # the bus is marked, but no job is restored
    JOB_PUT_BACK = "epoch.put_back"  # one of several jobs is restored on the bus
    RECALLED = "epoch.recalled"  # the bus has the state of SQL, but no worker may present a lease yet
    GRACE_OVER = "epoch.grace_over"  # workers have presented their leases, but the deployment is still closed
    ALL_ENQUEUED = "epoch.enqueued"  # segments without a lease are enqueued, but the deployment is still closed
    DEPLOYMENT_OPENED = "epoch.opened"  # the deployment is open, but workers were not woken again

    OUTBOX_READ = "record.read"  # the recorder has read a batch that SQL does not have
    BATCH_APPLIED = "record.applied"  # SQL has the batch, but the bus has no confirmation
    BATCH_CONFIRMED = "record.confirmed"  # the bus has forgotten the batch
    RUN_CREATING = "track.creating"  # SQL says that a run is being created, but MLflow has no request yet
    RUN_CREATED = "track.created"  # MLflow has a run, but SQL does not have its id
    RUN_LOGGED = "track.logged"  # parameters and metrics are logged, but not spans and artifacts
    RUN_FILLED = "track.filled"  # the run is complete except for its status
    RUN_ENDED = "track.ended"  # the run is FINISHED, but SQL does not know

    CELL_ACCEPTED = "sweep.accepted"  # a cell's job is in SQL, but its sweep does not know
    CELL_NOTED = "sweep.noted"  # the sweep knows the job of one more cell


_AT, _, _NTH = os.environ.get("WORKBENCH_CRASH_AT", "").partition(":")
_hits = itertools.count(1)


def reached(point: CrashPoint) -> None:
    """Kill the process here if the environment variable selects this point."""
    if _AT and point == _AT and next(_hits) >= int(_NTH or "1"):
        Path(os.environ["WORKBENCH_CRASH_MARK"]).write_text(point)
        os.kill(os.getpid(), signal.SIGKILL)
