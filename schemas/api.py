"""What the HTTP API takes and answers.

Times are UTC seconds since 1970, durations seconds, progress a fraction from 0 to 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from schemas.base import Contract
from schemas.status import JobStatus


class ApiStatus(StrEnum):
    """The states of a job on this surface."""

    ADVERTISED = "advertised"  # accepted, in SQL, not yet known to be on the bus
    QUEUED = "queued"  # on the bus, or waiting: then with its reason
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def api_status(status: JobStatus, *, on_bus: bool) -> ApiStatus:
    """How a job's state is called here.

    Args:
        on_bus: whether an event of it was recorded.
    """
    if status is JobStatus.ACCEPTED:
        return ApiStatus.QUEUED if on_bus else ApiStatus.ADVERTISED
    return ApiStatus.QUEUED if status is JobStatus.WAITING else ApiStatus(status.value)


class ErrorAnswer(Contract):
    """Every refusal has this shape."""

    error: str = Field(description="What went wrong, in a sentence.")
    code: str = Field(description="A code listed in docs/errors.md.")
    details: dict[str, Any] = Field(default_factory=dict, description="where, seen, allowed, remedy, …")
