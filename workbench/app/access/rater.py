"""Raters without an account: the page that a link opens, the cookie of its browser, and what the guard allows."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from schemas.errors import WorkbenchError
from workbench.app.access.addresses import split_host
from workbench.app.access.sessions import keep_session, session_of
from workbench.app.identity import known_user
from workbench.client.deployment import Deployment
from workbench.client.error_responses import status_of
from workbench.store.rater_links import RaterLinks

router = APIRouter(include_in_schema=False)
PAGE, CALLS, MODULES = "/vote", "/api/vote", "/web/"
COOKIE_S = 366 * 24 * 3600.0  # the link itself ends earlier
_HERE = Path(__file__).parent


def is_for_raters(path: str) -> bool:
    """Whether the routes at this address check a rater's link themselves."""
    return path in (PAGE, CALLS) or path.startswith(f"{CALLS}/")


def may_load_modules(deployment: Deployment, method: str, path: str, headers: Headers) -> bool:
    """Whether a visitor without a login may load the modules of the page: a browser that opened a link. Blocks."""
    if method not in ("GET", "HEAD") or not path.startswith(MODULES):
        return False
    session = session_of(headers, _cookie(headers))
    return bool(session) and RaterLinks(deployment.store.database).knows(session)


def session_of_rater(request: Request) -> str:
    """The secret in the cookie of a browser that opened a link; empty if it opened none."""
    return session_of(request.headers, _cookie(request.headers))


@router.get(PAGE)
async def vote_page(request: Request) -> Response:
    """The page of a rater. A link leads to it without its token, so that no history has the token."""
    deployment: Deployment = request.app.state.deployment
    link, given = request.query_params.get("link"), session_of_rater(request)
    links = await run_in_threadpool(lambda: RaterLinks(deployment.store.database))
    try:
        if link is not None:
            session = await run_in_threadpool(links.open, link, given)
            answer = RedirectResponse(PAGE, 303)
            keep_session(
                answer, _cookie(request.headers), session, lasts_s=COOKIE_S, secure=request.url.scheme == "https"
            )
            return answer
        if known_user(request) is not None and request.query_params.get("study"):
            return _page()
        if given:
            await run_in_threadpool(links.rater, given)
            return _page()
    except WorkbenchError as error:
        if error.code == "rater_link.unknown" and link is not None:
            _count_guess(request)
        if not error.code.startswith("rater_link."):
            raise
        return _refusal(error)
    if known_user(request) is not None:
        asked = {name: request.query_params[name] for name in ("items", "sweep") if name in request.query_params}
        return RedirectResponse("/studies" + (f"?{urlencode(asked)}" if asked else ""), 303)
    return RedirectResponse(f"/login?{urlencode({'next': f'{PAGE}?{request.url.query}'})}", 303)


def _count_guess(request: Request) -> None:
    """Raises WorkbenchError (access.too_many) after too many wrong tokens from an address."""
    limits = getattr(request.app.state, "limits", None)
    if limits is not None:
        limits.check_login(f"address:{request.client.host if request.client else 'unknown'}")


def _cookie(headers: Headers) -> str:
    """The name of the cookie. It contains the port, because browsers share cookies between ports of a host."""
    host = split_host(headers.get("host", ""))
    return f"workbench_rater_{(host[1] if host else None) or 0}"


def _page() -> Response:
    return HTMLResponse((_HERE / "vote.html").read_text(encoding="utf-8"), headers={"Cache-Control": "no-store"})


def _refusal(error: WorkbenchError) -> Response:
    message = error.message[:1].upper() + error.message[1:]
    text = Template((_HERE / "vote_refused.html").read_text(encoding="utf-8")).substitute(
        message=escape(message), remedy=escape(error.remedy)
    )
    return HTMLResponse(text, status_of(error.code), headers={"Cache-Control": "no-store"})
