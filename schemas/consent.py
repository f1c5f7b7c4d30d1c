"""Consent of the people who are seen and heard in a file: as it is given, and as it is recorded."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract

PERSON = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"  # not blank
MAX_PERSON = 200


class ConsentSource(StrEnum):
    """How a consent was given."""

    FILE = "file"  # for this file
    HOME = "home"  # once for all files of a home where nobody logs in
    SETTING = "setting"  # by WORKBENCH_CONSENT


class Consent(Contract):
    """Consent of the people who are seen and heard. A job is refused if it is not given."""

    given: bool
    name: str | None = Field(
        None, max_length=MAX_PERSON, pattern=PERSON, description="Who says so; default: the user of the request."
    )
    text: str = Field("", max_length=2000, description="The wording that they agreed to; default: that of the page.")


class WithdrawalRequest(Contract):
    """Withdraw the consents that a person gave."""

    name: str = Field(max_length=MAX_PERSON, pattern=PERSON, description="The name in the records.")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="Only for this file.")


class WithdrawalAnswer(Contract):
    """What a withdrawal did."""

    name: str
    withdrawn: int = Field(ge=0, description="Number of records that held until now.")
    files: list[str] = Field(description="Digests of the files: later jobs with them are refused.")
    remedy: str = Field(description="How to erase the files and everything that was made from them.")


class ConsentRecord(Contract):
    """A recorded consent."""

    owner: str = Field(description="The user for whose jobs it counts; `local` where nobody logs in.")
    sha256: str = Field(description="Digest of the file; empty for all files of a home where nobody logs in.")
    name: str = Field(description="Who said it.")
    source: ConsentSource
    text: str = Field(description="The wording.")
    at: float = Field(description="UTC, seconds since 1970.")
    withdrawn_at: float | None = Field(None, description="UTC, seconds since 1970; null while it holds.")
    file: str = Field("", description="Name of the file, if it is still stored.")


class ConsentList(Contract):
    consents: list[ConsentRecord] = Field(description="Newest first.")
