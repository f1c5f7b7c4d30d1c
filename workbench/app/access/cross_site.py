"""Distinguishes requests from pages of this server, from programs, and from pages of other sites."""

from __future__ import annotations

import hashlib
import hmac

from starlette.datastructures import Headers

from schemas.errors import WorkbenchError
from workbench.app.access.addresses import same_server

CSRF_HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})  # none: the user typed the address or opened a bookmark
_LINK = ("navigate", "document")  # mode and destination of a followed link: no frame, nothing embedded


def csrf_token(session: str) -> str:
    """The CSRF token of a browser session. It is an HMAC of the session id, so no state is stored."""
    return hmac.new(session.encode(), b"workbench csrf", hashlib.sha256).hexdigest()


def check_site(method: str, headers: Headers, session: str | None) -> None:
    """Raises WorkbenchError (access.cross_site).

    Args:
        method: "WEBSOCKET" for a handshake. Browsers send handshakes across sites with cookies and without a preflight.
        session: the session cookie, if it identifies the user; None for tokens and an open app.
    """
    origins, site = headers.getlist("origin"), headers.get("sec-fetch-site", "")
    if method in READING:
        # A browser does not let the other page read the response, but that page could embed, count or time it. A page
        # on another port of this machine is same-site, so its requests carry the cookie regardless of SameSite.
        how = (headers.get("sec-fetch-mode", ""), headers.get("sec-fetch-dest", ""))
        if site and site not in _OWN and how != _LINK:
            raise _refused(origins[0] if origins else site)
        return
    host = headers.get("host", "")
    if any(not same_server(origin, host) for origin in origins) or len(origins) > 1:
        raise _refused(origins[0])
    if origins:
        return
    if site and site not in _OWN:
        raise _refused(site)
    if session is None or site == "same-origin" or method == "WEBSOCKET":
        return  # browsers send Origin with every handshake, so a handshake without it comes from a program
    given = headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(session).encode()):
        raise WorkbenchError(
            "access.cross_site",
            "the request does not prove that it comes from a page of this server",
            where=CSRF_HEADER,
            seen="missing" if not given else "wrong",
            remedy=f"Send the csrfToken of GET /api/session as {CSRF_HEADER}, or use an API token instead of a cookie.",
        )


def _refused(seen: str) -> WorkbenchError:
    return WorkbenchError(
        "access.cross_site",
        "the request comes from a page of another site",
        where="Origin",
        seen=seen,
        allowed="pages of this server",
        remedy="Open the workbench itself. Programs use an API token and send no Origin header.",
    )
