"""From the values of a page to a job."""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import ValidationError

from schemas.api import Consent, JobOptions, JobRequest
from schemas.errors import WorkbenchError
from schemas.problem import invalid
from workbench.app.api.jobs import submit_job
from workbench.client.access import User
from workbench.client.bench import Bench


def order(bench: Bench, request: JobRequest, user: User) -> dict[str, Any]:
    """Submit as POST /api/jobs does: what an island shows of it. Raises WorkbenchError; then nothing was queued."""
    accepted = submit_job(request, bench, user)
    return {"jobId": accepted.job_id, "unserved": accepted.unserved}


def draft(bench: Bench, prompt: str, user: User, settings: dict[str, Any]) -> dict[str, Any]:
    """A job that only writes the script; with a new seed, so that another press writes another one.

    Args:
        settings: parameters of the node script.
    """
    return order(
        bench,
        request_of(
            pipeline="draft_script",
            options={"prompt": _said(prompt, "the prompt"), "seed": secrets.randbelow(2**31)},
            params={"script": settings} if settings else {},
            experiment="drafts",
        ),
        user,
    )


def transcribe(bench: Bench, taken: Any, user: User) -> dict[str, Any]:
    """A job that writes down what a taken sound says."""
    digest = digest_of(taken)
    if digest is None:
        raise WorkbenchError(
            "request.invalid",
            "there is no voice sample to listen to",
            where="voice sample",
            seen="nothing",
            remedy="Upload or record one first.",
        )
    options = JobOptions(audio=digest)
    return order(bench, JobRequest(pipeline="transcribe", options=options, experiment="drafts"), user)


def digest_of(taken: Any) -> str | None:
    """The digest in the value of a media island."""
    ref = taken.get("ref") if isinstance(taken, dict) else None
    digest = ref.get("sha256") if isinstance(ref, dict) else None
    return digest if isinstance(digest, str) else None


def request_of(**fields: Any) -> JobRequest:
    """The request. Raises WorkbenchError (request.invalid) naming the field."""
    try:
        return JobRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, "request.invalid") from None


def consent_of(ticked: bool, text: str) -> Consent | None:
    """What is recorded with the run."""
    return Consent(given=True, text=text) if ticked else None


def _said(text: str, what: str) -> str:
    if not text.strip():
        raise WorkbenchError(
            "request.invalid", f"{what} is empty", where="prompt", seen="nothing", remedy="Write what it is about."
        )
    return text.strip()
