"""The videos that a request names: the result of a job, a named output of it, or a file from outside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.api import JOB_ID_PATTERN
from schemas.comparison import MOST_VIDEOS
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import VideoRef
from workbench.client.access import User, readable
from workbench.client.deployment import Deployment
from workbench.client.view import artifacts, final_video
from workbench.pipelines.registry import pipeline_result

_FILE = re.compile(r"[0-9a-f]{64}")
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\.\w{1,64}", re.ASCII)


@dataclass(frozen=True)
class Chosen:
    """One video. Without a reference, ``missing`` says why it cannot be shown.

    Attributes:
        record: its job; None for a file from outside, and for a job that is gone.
        job: as named; "" for a file.
    """

    given: str
    job: str = ""
    record: JobRecord | None = None
    node: str = ""
    output: str = ""
    ref: VideoRef | None = None
    missing: str = ""


def names_in(text: str) -> list[str]:
    """The names in a comma-separated list, each once. Raises WorkbenchError (request.invalid)."""
    return checked([name.strip() for name in text.split(",")])


def checked(names: Sequence[str]) -> list[str]:
    """The names, each once. Raises WorkbenchError (request.invalid) if there are too few or many, or one is no name."""
    found = list(dict.fromkeys(names))
    if not 2 <= len(found) <= MOST_VIDEOS:
        raise _invalid("a comparison takes several videos", f"{len(found)} different ones", f"2 to {MOST_VIDEOS}")
    for name in found:
        job, colon, output = name.partition(":")
        if not re.fullmatch(JOB_ID_PATTERN, job) or (colon and not _OUTPUT.fullmatch(output)):
            raise _invalid(
                "this does not name a video", name[:200], "JOB, JOB:node.output, or the digest of an uploaded video"
            )
    return found


def choose(deployment: Deployment, user: User, name: str) -> Chosen:
    """The video of a checked name. Jobs that are gone, and those that the user may not see, are said to be gone."""
    if _FILE.fullmatch(name):
        return _file(deployment, user, name)
    job, _, output = name.partition(":")
    record = deployment.store.get(job)
    if record is None or not user.may_see(record.owner):
        return Chosen(name, job, missing="There is no such run: it was deleted, or belongs to another user.")
    if output:
        node, _, key = output.partition(".")
        made = [ref for at, name_, ref in artifacts(record) if (at, name_) == (node, key) and isinstance(ref, VideoRef)]
        if not made:
            return Chosen(name, job, record, missing=f"The run has no video {output}.")
        return Chosen(name, job, record, node, key, made[-1])
    found = final_video(record, pipeline_result(record.pipeline))
    if not isinstance(found, VideoRef):
        ended = record.finished_at is not None
        return Chosen(name, job, record, missing="The run made no video." if ended else "The run has no video yet.")
    node, key = next((at, key) for at, key, ref in reversed(artifacts(record)) if ref.sha256 == found.sha256)
    return Chosen(name, job, record, node, key, found)


def _file(deployment: Deployment, user: User, sha256: str) -> Chosen:
    try:
        ref = readable(deployment, user, sha256)
    except WorkbenchError as error:
        if error.code != "artifact.unknown":
            raise
        return Chosen(sha256, missing="There is no such file, or it belongs to another user.")
    if not isinstance(ref, VideoRef):
        return Chosen(sha256, missing=f"The file is no video, but {ref.kind}.")
    return Chosen(sha256, ref=ref)


def _invalid(message: str, seen: str, allowed: str) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        message,
        where="videos",
        seen=seen,
        allowed=allowed,
        remedy="Name runs by their ids, further outputs of a run as JOB:node.output, and uploaded files by digest.",
    )
