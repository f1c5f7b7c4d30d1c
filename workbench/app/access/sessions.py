"""Credentials of a request: an API token in a header, or a session in a cookie."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response


def token_of(headers: Headers) -> str | None:
    """The API token; None if the request has none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def session_of(headers: Headers, cookie: str) -> str:
    """The value of the session cookie; empty if the request has none."""
    # The standard library's parser stops at the first malformed cookie, which another application may have set.
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(cookie, "")


def keep_session(answer: Response, cookie: str, session: str, *, lasts_s: float, secure: bool) -> None:
    """Set the session cookie. Lax instead of Strict, so that links from other sites, a terminal or MLflow work."""
    answer.set_cookie(cookie, session, max_age=int(lasts_s), path="/", secure=secure, httponly=True, samesite="lax")


def drop_session(answer: Response, cookie: str, *, secure: bool) -> None:
    """Delete the session cookie."""
    answer.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="lax")
