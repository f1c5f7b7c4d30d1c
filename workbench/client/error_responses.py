"""Errors as the front ends return them: ``{error, code, details}``, with a matching HTTP status."""

from __future__ import annotations

from typing import Any

from schemas.errors import WorkbenchError

# The status of a code. For other codes, the family (the part before the dot) determines it.
_STATUS_OF_CODE = {
    "graph.too_large": 413,
    "job.unknown": 404,
    "job.key_reused": 409,
    "job.ended": 409,
    "job.not_final": 409,
    "job.nothing_to_retry": 409,
    "worker.unknown": 404,
    "pool.unknown": 404,
    "pipeline.unknown": 404,
    "preset.unknown": 404,
    "sweep.unknown": 404,
    "sweep.not_final": 409,
    "lora.unknown": 404,
    "study.unknown": 404,
    "study.bad_items": 422,
    "vote.unknown": 404,
    "vote.bad_choice": 422,
    "rater_link.unknown": 401,
    "rater_link.ended": 410,
    "access.login_required": 401,
    "access.forbidden": 403,
    "access.quota": 403,
    "access.too_many": 429,
    "access.foreign_host": 421,
    "access.cross_site": 403,
    "access.other_account": 403,
    "user.unknown": 404,
    "user.token_unknown": 404,
    "user.exists": 409,
    "user.token_exists": 409,
    "artifact.unknown": 404,
    "deletion.unknown": 404,
    "deletion.ambiguous": 409,
    "deletion.busy": 409,
    "consent.unknown": 404,
    "upload.too_large": 413,
    "upload.refused": 415,
    "upload.busy": 503,
    "review.bad_answer": 422,
    "artifact.no_thumbnail": 404,
    "artifact.no_frames": 404,
    "artifact.no_series": 404,
    "artifact.no_waveform": 404,
    "artifact.no_stream": 404,
    "store.missing": 404,
    "tracking.foreign_location": 400,
    "tracking.not_offered": 403,
    "tracking.off": 404,
    "tracking.not_recorded": 409,
    "home.disk_full": 507,
    "request.not_found": 404,
    "request.method": 405,
    "request.stalled": 408,
    "request.too_large": 413,
}
_STATUS_OF_FAMILY = {
    "graph": 422,
    "pipeline": 422,
    "node": 422,
    "consent": 422,
    "request": 422,
    "user": 422,
    "sweep": 422,
    "manifest": 422,
    "job": 409,
    "review": 409,
    "study": 409,
    "vote": 409,
    "rater_link": 409,
    "upload": 422,
    "bus": 503,
    "store": 503,
    "sql": 503,
    "tracking": 503,
    "capabilities": 503,
    "home": 503,
    "stack": 503,
}


def status_of(code: str) -> int:
    """The HTTP status for an error code."""
    return _STATUS_OF_CODE.get(code) or _STATUS_OF_FAMILY.get(code.partition(".")[0], 400)


def _short(value: object) -> object:
    """The value, or its beginning: an error response must not return a whole request."""
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= 500 else text[:500] + "…"


def status_and_body(error: WorkbenchError) -> tuple[int, dict[str, Any]]:
    """The status and the JSON body of an error. Long values are cut."""
    info = error.info()
    details = info.details
    if "seen" in details:
        details = {**details, "seen": _short(details["seen"])}
    return status_of(error.code), {"error": info.message, "code": info.code, "details": details}
