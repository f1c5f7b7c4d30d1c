"""Whether a request was made by a page of this server, by a program, or by a page of another site."""

from __future__ import annotations

import hashlib
import hmac

from starlette.datastructures import Headers

from schemas.errors import WorkbenchError
from workbench.app.access.addresses import same_server

CSRF_HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})  # none: typed or from a bookmark
_LINK = ("navigate", "document")  # mode and destination where a person follows a link: no frame, nothing embedded


def csrf_token(session: str) -> str:
    """The token of a browser session. Made from its id, so nothing has to be kept; the id cannot be had from it."""
    return hmac.new(session.encode(), b"workbench csrf", hashlib.sha256).hexdigest()


def check_site(method: str, headers: Headers, session: str | None) -> None:
    """Raises WorkbenchError (access.cross_site).

    Args:
        method: "WEBSOCKET" for a handshake: browsers send those across sites with cookies and without asking.
        session: what stands in the cookie, where that names the user; None for tokens and an open app.
    """
    origins, site = headers.getlist("origin"), headers.get("sec-fetch-site", "")
    if method in READING:
        # Browsers do not let the other page read the answer, but it could be shown, counted or timed. A page of another
        # port of this machine is same-site: its requests bring the cookie whatever SameSite says.
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
        return  # a browser sends Origin with every handshake: without one it is a program
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
        remedy="Open the workbench itself; programs use an API token and send no Origin.",
    )
