"""Users, their API tokens, and what the page is told about whoever opened it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract

USER_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Role(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"  # look at every job; change nothing
    RUNNER = "runner"  # submit; see and change the own jobs
    ADMIN = "admin"  # everything, the jobs of others included


class UserInfo(Contract):
    """A user, without anything secret."""

    name: str
    role: Role
    disabled: bool = Field(description="May not log in, and the tokens are refused.")
    created_at: float = Field(description="UTC, seconds since 1970.")
    tokens: int = Field(0, description="API tokens of the user.")
    sessions: int = Field(0, description="Browsers that are logged in.")


class TokenInfo(Contract):
    """An API token, without the token: only its hash is kept."""

    user: str
    name: str = Field(description="What it is for, as its owner called it.")
    created_at: float = Field(description="UTC, seconds since 1970.")
    used_at: float | None = Field(None, description="When it was last used, to the minute; null: never.")
    expires_at: float | None = Field(None, description="Refused from then on; null: never.")


class NewToken(TokenInfo):
    """A token that was just made: the only time it is shown."""

    token: str = Field(description="Goes into `Authorization: Bearer TOKEN`.")


class SessionInfo(Contract):
    """Who asks, and what the page needs to know at once."""

    user: str
    role: Role
    login: bool = Field(description="Whether this bench asks for a login.")
    csrf_token: str = Field(description="Goes into the header X-CSRF-Token of calls that change something.")
    mlflow_url: str = Field(
        description="Path of MLflow on this server; empty where nothing is tracked, or this user may not see it."
    )
    version: str = Field(description="Version of the workbench.")
