"""The token of a home, which opens the app on its own machine: in a link, in a form, in a header; a cookie afterwards.

The cookie is made from the token by HMAC: nothing has to be kept, the token cannot be had from it, and another token
ends every cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import unquote_plus

COOKIE_S = 30 * 24 * 3600.0
PARAMETER = "token"


def same(token: str, given: str) -> bool:
    """Whether they are equal, in a time that does not tell how much of it is."""
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))


def new_cookie(token: str) -> str:
    """The value of a cookie that holds for thirty days."""
    until = str(int(time.time() + COOKIE_S))
    return f"{until}.{_mac(token, until)}"


def cookie_holds(token: str, cookie: str) -> bool:
    """Whether it was made from this token, and is not too old."""
    until, _, mac = cookie.partition(".")
    return same(_mac(token, until), mac) and int(until) > time.time()


def split_link(query: str) -> tuple[str | None, str]:
    """The token in a query string, None where there is none; and the query without it, otherwise as it was."""
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
