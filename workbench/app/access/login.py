"""The login page: one plain form, no script, nothing from anywhere else."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, urlsplit

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workbench.app.access.guard import session_of
from workbench.app.identity import known_user
from workbench.client.users import users_of
from workbench.store.users import SESSION_S

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_WRONG = "The name or the password is wrong."
_NOBODY = "There is no user yet. On the machine of the workbench, <code>workbench user add NAME</code> makes one."


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:
    """The form; straight on for those who need none."""
    if not request.app.state.policy.login or known_user(request) is not None:
        return RedirectResponse(local_path(next), 303)
    users = await run_in_threadpool(users_of, request.app.state.bench)
    note = "" if await run_in_threadpool(users.any_enabled) else _NOBODY
    return _page(note=note, next_=next)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Check name and password; a new session whatever the browser brought along."""
    state = request.app.state
    form = _form(await request.body())
    name, next_ = form.get("name", "").strip().lower(), form.get("next", "/")
    if not state.policy.login:
        return RedirectResponse(local_path(next_), 303)
    address = request.client.host if request.client else "unknown"
    keys = (f"name:{name[:64]}", f"address:{address}")
    if wait_s := state.limits.logins.begin(*keys):
        seconds = int(wait_s + 0.999)
        page = _page(f"Too many attempts. Try again in {seconds} s.", next_=next_, name=name, status=429)
        page.headers["Retry-After"] = str(seconds)
        return page
    users = await run_in_threadpool(users_of, state.bench)
    hashing = asyncio.get_running_loop().run_in_executor  # two at once at most: each takes 32 MiB
    session = await hashing(state.hashing, users.log_in, name, form.get("password", ""))
    if session is None:
        log.warning("login refused", address=address)  # not the name: people type passwords into that field
        return _page(_WRONG, next_=next_, name=name, status=401)
    state.limits.logins.succeeded(*keys)
    log.info("logged in", user=name, address=address)
    if old := session_of(request.headers, state.policy.cookie):
        await run_in_threadpool(users.log_out, old)
    answer = RedirectResponse(local_path(next_), 303)
    answer.set_cookie(
        state.policy.cookie,
        session,
        max_age=int(SESSION_S),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session here and in SQL."""
    state = request.app.state
    if session := session_of(request.headers, state.policy.cookie):
        users = await run_in_threadpool(users_of, state.bench)
        await run_in_threadpool(users.log_out, session)
    answer = RedirectResponse("/login" if state.policy.login else "/", 303)
    answer.delete_cookie(
        state.policy.cookie, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    return answer


def local_path(wanted: str) -> str:
    """The path to go on to: within this server, or its first page.

    Browsers read a backslash as a slash and drop tabs and newlines, so that ``/\\evil.example`` leads away.
    """
    plain = re.fullmatch(r"/[!-~]*", wanted) is not None and "\\" not in wanted and not wanted.startswith("//")
    if not plain or len(wanted) > 2000 or urlsplit(wanted).path.rstrip("/") in ("/login", "/logout"):
        return "/"
    return wanted


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10))
    except ValueError:
        return {}


@cache
def _template() -> Template:
    return Template((Path(__file__).parent / "login.html").read_text(encoding="utf-8"))


def _page(error: str = "", *, note: str = "", next_: str = "/", name: str = "", status: int = 200) -> HTMLResponse:
    """``note`` is HTML of ours; everything else is escaped."""
    text = _template().substitute(
        error=f'<p class="error" id="error" role="alert">{escape(error)}</p>' if error else "",
        note=f'<p class="note">{note}</p>' if note else "",
        described='aria-describedby="error" aria-invalid="true"' if error else "",
        name=escape(name[:64], quote=True),
        next=escape(local_path(next_), quote=True),
    )
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"})
