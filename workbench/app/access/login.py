"""The login page: one plain form without scripts and without external resources.

Depending on the policy, the form requires a name and a password, or the token of the home.
"""

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

from workbench.app.access.policy import Entrance, Policy
from workbench.app.access.sessions import drop_session, keep_session, session_of
from workbench.app.access.visitors import let_in
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
_WRONG_TOKEN = "This is not the current token of this workbench."
_NO_USERS = "There are no users yet. On the machine of the workbench, <code>workbench user add NAME</code> adds one."


@router.get("/login")
async def login_page(request: Request, next: str = "/", wrong: bool = False) -> Response:
    """The form, or a redirect for visitors who need no login. ``wrong``: the visitor's link contained a wrong token."""
    policy: Policy = request.app.state.policy
    if policy.entrance is Entrance.OPEN or known_user(request) is not None:
        return RedirectResponse(local_path(next), 303)
    if policy.entrance is Entrance.TOKEN:
        return _page(policy, _WRONG_TOKEN if wrong else "", next_=next)
    users = await run_in_threadpool(users_of, request.app.state.deployment)
    note = "" if await run_in_threadpool(users.any_enabled) else _NO_USERS
    return _page(policy, note=note, next_=next)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Check the form and start a new session, even if the browser already has one."""
    entrance = request.app.state.policy.entrance
    form = _form(await request.body())
    if entrance is Entrance.OPEN:
        return RedirectResponse(local_path(form.get("next", "/")), 303)
    return await _by_name(request, form) if entrance is Entrance.USERS else _by_token(request, form)


def _by_token(request: Request, form: dict[str, str]) -> Response:
    """Only wrong tokens wait. 256 bits cannot be guessed, and other accounts must not be able to lock users out."""
    state, next_ = request.app.state, form.get("next", "/")
    address = request.client.host if request.client else "unknown"
    if not state.policy.opened_by(form.get("token", "").strip()):
        if wait_s := state.limits.logins.begin(f"address:{address}"):
            return _too_many(state.policy, wait_s, next_)
        log.warning("token refused", address=address)
        return _page(state.policy, _WRONG_TOKEN, next_=next_, status=401)
    answer = RedirectResponse(local_path(next_), 303)
    let_in(answer, state.policy, secure=request.url.scheme == "https")
    return answer


async def _by_name(request: Request, form: dict[str, str]) -> Response:
    state = request.app.state
    name, next_ = form.get("name", "").strip().lower(), form.get("next", "/")
    address = request.client.host if request.client else "unknown"
    keys = (f"name:{name[:64]}", f"address:{address}")
    if wait_s := state.limits.logins.begin(*keys):
        return _too_many(state.policy, wait_s, next_, name)
    users = await run_in_threadpool(users_of, state.deployment)
    hashing = asyncio.get_running_loop().run_in_executor  # at most two at once, because each needs 46 MiB
    session = await hashing(state.hashing, users.log_in, name, form.get("password", ""))
    if session is None:
        log.warning("login refused", address=address)  # without the name, because people type passwords there
        return _page(state.policy, _WRONG, next_=next_, name=name, status=401)
    state.limits.logins.succeeded(*keys)
    log.info("logged in", user=name, address=address)
    if old := session_of(request.headers, state.policy.cookie):
        await run_in_threadpool(users.log_out, old)
    answer = RedirectResponse(local_path(next_), 303)
    keep_session(answer, state.policy.cookie, session, lasts_s=SESSION_S, secure=request.url.scheme == "https")
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session in the browser and in SQL. A token cookie is only deleted here; a new token invalidates it."""
    state = request.app.state
    if state.policy.login and (session := session_of(request.headers, state.policy.cookie)):
        users = await run_in_threadpool(users_of, state.deployment)
        await run_in_threadpool(users.log_out, session)
    answer = RedirectResponse("/login", 303)
    drop_session(answer, state.policy.cookie, secure=request.url.scheme == "https")
    return answer


def local_path(wanted: str) -> str:
    """The path to redirect to if it is on this server, else the first page.

    Browsers read a backslash as a slash and drop tabs and newlines, so ``/\\evil.example`` leads to another server.
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
def _template(file: str) -> Template:
    return Template((Path(__file__).parent / file).read_text(encoding="utf-8"))


def _too_many(policy: Policy, wait_s: float, next_: str, name: str = "") -> Response:
    seconds = int(wait_s + 0.999)
    page = _page(policy, f"Too many attempts. Try again in {seconds} s.", next_=next_, name=name, status=429)
    page.headers["Retry-After"] = str(seconds)
    return page


def _page(
    policy: Policy, error: str = "", *, note: str = "", next_: str = "/", name: str = "", status: int = 200
) -> HTMLResponse:
    """``note`` is trusted HTML; everything else is escaped."""
    described = 'aria-describedby="error" aria-invalid="true"' if error else ""
    fields = _template("login_name.html" if policy.login else "login_token.html")
    text = _template("login.html").substitute(
        lead="Log in to continue" if policy.login else "Enter the token to continue",
        button="Log in" if policy.login else "Open",
        footer="An admin adds users and sets passwords."
        if policy.login
        else "Only the account that started the workbench can read the token.",
        fields=fields.substitute(name=escape(name[:64], quote=True), described=described),
        error=f'<p class="error" id="error" role="alert">{escape(error)}</p>' if error else "",
        note=f'<p class="note">{note}</p>' if note else "",
        next=escape(local_path(next_), quote=True),
    )
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"})
