"""Users, their API tokens and the session that the page starts from."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract

USER_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Role(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"  # see all jobs, change nothing
    RUNNER = "runner"  # submit jobs; see and change one's own
    ADMIN = "admin"  # everything, including the jobs of other users


class UserInfo(Contract):
    """A user, without secrets."""

    name: str
    role: Role
    disabled: bool = Field(description="The user may not log in, and the user's tokens are rejected.")
    created_at: float = Field(description="UTC, seconds since 1970.")
    tokens: int = Field(0, description="Number of the user's API tokens.")
    sessions: int = Field(0, description="Number of browsers that are logged in.")


class TokenInfo(Contract):
    """An API token without its secret: only the hash is stored."""

    user: str
    name: str = Field(description="Name that the owner gave it, such as its purpose.")
    created_at: float = Field(description="UTC, seconds since 1970.")
    used_at: float | None = Field(None, description="Time of the last use, to the minute; null if never used.")
    expires_at: float | None = Field(None, description="The token is rejected from then on; null if it never expires.")


class NewToken(TokenInfo):
    """A new token. Its secret is shown only once."""

    token: str = Field(description="Sent as `Authorization: Bearer TOKEN`.")


class SessionInfo(Contract):
    """The user of the session, and what the page needs at its start."""

    user: str
    role: Role
    login: bool = Field(description="Whether this deployment requires a login.")
    csrf_token: str = Field(description="Sent in the header X-CSRF-Token with calls that change something.")
    mlflow_url: str = Field(
        description="Path of MLflow on this server; empty if runs are not recorded or the user may not see them."
    )
    version: str = Field(description="Version of the workbench.")
