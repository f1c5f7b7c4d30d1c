"""What a request brings along to say who asks: an API token in a header, or a session in a cookie."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response


def token_of(headers: Headers) -> str | None:
    """The API token; None where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def session_of(headers: Headers, cookie: str) -> str:
    """What stands in the session cookie; empty where there is none."""
    # Not the standard library's reader: it gives up at the first cookie of somebody else that it finds odd.
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(cookie, "")


def keep_session(answer: Response, cookie: str, session: str, *, lasts_s: float, secure: bool) -> None:
    """Give the browser a session. Lax, not Strict: links from other sites, a terminal or MLflow are to work."""
    answer.set_cookie(cookie, session, max_age=int(lasts_s), path="/", secure=secure, httponly=True, samesite="lax")


def drop_session(answer: Response, cookie: str, *, secure: bool) -> None:
    """Have the browser forget it."""
    answer.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="lax")
