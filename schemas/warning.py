"""What to expect of an accepted job: sentences that do not refuse it."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class JobWarning(Contract):
    """A warning about a job's inputs, found at submit."""

    where: str = Field(description='The place in the request: "node animate", or an option of the pipeline.')
    message: str = Field(description="Sentences that say what was found and what to expect.")
