"""The user of a request, as identified by the guard."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from workbench.client.access import User


def current_user(connection: HTTPConnection) -> User:
    """The user of this request or WebSocket."""
    user: User = connection.state.user
    return user


def known_user(connection: HTTPConnection) -> User | None:
    """Like ``current_user``, for addresses that need no login: None for a visitor who is not logged in."""
    return getattr(connection.state, "user", None)
