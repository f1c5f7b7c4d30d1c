"""The token of a home, which opens the app on its own machine: in a link, a form or a header, then in a cookie.

The cookie is an HMAC keyed with the token. So no state is stored, the cookie does not reveal the token, and a new token
invalidates every cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import unquote_plus

COOKIE_S = 30 * 24 * 3600.0
PARAMETER = "token"


def same(token: str, given: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))


def new_cookie(token: str) -> str:
    """The value of a cookie that is valid for thirty days."""
    until = str(int(time.time() + COOKIE_S))
    return f"{until}.{_mac(token, until)}"


def cookie_holds(token: str, cookie: str) -> bool:
    """Whether the cookie was made from this token and has not expired."""
    until, _, mac = cookie.partition(".")
    return same(_mac(token, until), mac) and int(until) > time.time()


def split_link(query: str) -> tuple[str | None, str]:
    """The token in a query string (None if missing), and the query without it, otherwise unchanged."""
    given, rest = None, []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == PARAMETER:
            given = unquote_plus(value)
        elif part:
            rest.append(part)
    return given, "&".join(rest)


def _mac(token: str, until: str) -> str:
    return hmac.new(token.encode(), f"workbench cookie {until}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
