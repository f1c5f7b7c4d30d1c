"""Who asks, as the guard has found out."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from workbench.client.access import User


def current_user(connection: HTTPConnection) -> User:
    """The user whom the guard has found for this request or WebSocket."""
    user: User = connection.state.user
    return user


def known_user(connection: HTTPConnection) -> User | None:
    """The same for the addresses that are open to everybody: None for somebody who has not logged in."""
    return getattr(connection.state, "user", None)
