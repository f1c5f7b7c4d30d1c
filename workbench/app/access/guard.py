"""The guard: every request and WebSocket passes here first, or is answered here.

It finds out who asks and puts that into the scope's state (``workbench.app.identity`` reads it). Bodies pass through as
they come. What a user may do with which job is decided where the job is looked up.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.access.body import call_counted, check_declared, is_upload, largest_body
from workbench.app.access.cross_site import check_site, csrf_token
from workbench.app.access.headers import content_security_policy, secure
from workbench.app.access.limits import Limits, Open
from workbench.app.access.policy import Policy
from workbench.app.answers import error_answer
from workbench.app.identity import LOCAL, User
from workbench.client.bench import Bench
from workbench.client.users import users_of
from workbench.store.users import Known, Users

T = TypeVar("T")

LOGIN_REQUIRED = 4401  # close code of a WebSocket whose user has to log in
_CLOSED = {
    "access.login_required": (LOGIN_REQUIRED, "log in first"),
    "access.too_many": (1013, "too many at once: try again later"),
}
RECHECK_S = 15.0  # a WebSocket of somebody who logged out or was disabled is closed after so long at most
_OPEN = frozenset({"/login", "/logout", "/health", "/ready"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_STATIC = (
    "/assets/",
    "/static/",
    "/svelte/",
    "/web/",
    "/mlflow/static-files/",
)  # a page loads a hundred of them: they do not count
# Gradio fetches what stands behind these for whoever asks.
_FETCHES_FOR_OTHERS = re.compile(r"/(?:file[=/]\W*https?:|proxy=)", re.IGNORECASE)


@dataclass(frozen=True)
class Visitor:
    """Who asks, and by which browser session, where it is one."""

    user: User
    session: str | None = None


class Guard:
    """ASGI middleware for HTTP and WebSockets; goes outside of every other.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self, app: ASGIApp, *, bench: Bench, policy: Policy, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self._bench, self._policy, self._limits, self._clock = bench, policy, limits, clock
        # Threads of its own: while every thread of the routes waits for a part that is away, people are still known.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="guard")

    @cached_property
    def _users(self) -> Users:
        return users_of(self._bench)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        answered = False

        async def securely(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message.setdefault("headers", [])
                policy = content_security_policy(headers.get("host", ""), self._bench.settings.s3_url)
                secure(MutableHeaders(scope=message), policy, path)
            await send(message)

        answer: Response | None = None
        try:
            visitor = await self._admit(method, scope, headers)
            if visitor is None and path not in _OPEN:
                if not _is_navigation(method, path, headers):
                    raise _login_required()
                answer = RedirectResponse(f"/login?next={quote(_asked_for(scope), safe='')}", 303)
            elif (limit := largest_body(method, path)) is None:
                with self._one(self._limits.uploads_open, visitor):
                    await self.app(scope, receive, securely)
            else:
                check_declared(headers, limit)
                await call_counted(self.app, scope, receive, securely, limit)
        except WorkbenchError as error:
            answer = error_answer(error)
            if error.code == "request.too_large":
                answer.headers["Connection"] = "close"  # nobody reads the rest of it
        except Exception:
            if not answered:
                said = "This is a bug in the workbench; the traceback is in the log of the app."
                body = {"error": said, "code": "bug", "details": {}}
                # The server drops the connection for the exception below: nobody should send on it.
                await JSONResponse(body, 500, {"Connection": "close"})(scope, receive, securely)
            raise  # the server logs it
        if answer is not None and not answered:
            await answer(scope, receive, securely)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        with contextlib.ExitStack() as counted:
            try:
                visitor = await self._admit("WEBSOCKET", scope, headers)
                if visitor is None:
                    raise _login_required()
                counted.enter_context(self._one(self._limits.sockets_open, visitor))
            except WorkbenchError as error:
                await receive()  # websocket.connect
                if told := _CLOSED.get(error.code):
                    # Only an accepted WebSocket can be closed with a code that the page gets to see.
                    await send({"type": "websocket.accept"})
                    await send({"type": "websocket.close", "code": told[0], "reason": told[1]})
                else:
                    await send({"type": "websocket.close", "code": 1008})  # before it is accepted: HTTP 403
                return
            await self._talk(visitor, headers, scope, receive, send)

    async def _talk(self, visitor: Visitor, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        checked, ended = self._clock(), False

        async def while_allowed(message: Message) -> None:
            nonlocal checked, ended
            if message["type"] == "websocket.send" and self._clock() - checked >= RECHECK_S:
                checked = self._clock()
                ended = not await self._is_still(visitor, headers)
                if ended:
                    await send({"type": "websocket.close", "code": LOGIN_REQUIRED, "reason": "log in again"})
            if ended:
                raise OSError("the login behind this WebSocket has ended")  # to the app: a client that went away
            await send(message)

        try:
            await self.app(scope, receive, while_allowed)
        except Exception:
            if not ended:
                raise

    def _one(self, open_: Open, visitor: Visitor | None) -> contextlib.AbstractContextManager[None]:
        """Counts what a user has under way, where people log in."""
        return open_.one(visitor.user.name) if self._policy.login and visitor else contextlib.nullcontext()

    async def _admit(self, method: str, scope: Scope, headers: Headers) -> Visitor | None:
        """Who asks; None for nobody known. Raises WorkbenchError for what nobody may ask for."""
        path, named = scope["path"], headers.getlist("host")
        self._policy.check_host(named[0] if len(named) == 1 else None, any(name in headers for name in _FORWARDED))
        if _FETCHES_FOR_OTHERS.search(path):
            raise WorkbenchError("request.not_found", "nothing is at this address", remedy="Use /api/artifacts.")
        check_site(method, headers, self._session(headers))
        visitor = None
        try:
            visitor = await self._identify(headers)
        finally:  # guesses count too
            if self._policy.login and not path.startswith(_STATIC):
                address = str((scope.get("client") or ("unknown",))[0])
                self._limits.check_request(f"user:{visitor.user.name}" if visitor else f"address:{address}")
        if visitor is not None:
            if self._policy.login and is_upload(method, path):
                self._limits.check_upload(visitor.user.name)
            token = csrf_token(visitor.session) if visitor.session else ""
            # A copy: what is told of this request must not become part of what all requests share.
            known = {"user": visitor.user, "csrf_token": token, "login": self._policy.login}
            scope["state"] = {**(scope.get("state") or {}), **known}
        return visitor

    async def _identify(self, headers: Headers) -> Visitor | None:
        """By token, else by session cookie. Raises WorkbenchError (access.login_required) for a token nobody has."""
        if (token := token_of(headers)) is not None:
            known = await self._ask(lambda: self._users.of_token(token))
            if known is None:
                raise _login_required("the token is unknown, expired or its user disabled")
            return Visitor(_user(known))
        if not self._policy.login:
            return Visitor(LOCAL)
        session = self._session(headers)
        known = await self._ask(lambda: self._users.of_session(session)) if session else None
        return None if known is None else Visitor(_user(known), session)

    def _session(self, headers: Headers) -> str | None:
        """The browser session that is to name the user; None where a token does, or nobody has to log in."""
        if not self._policy.login or token_of(headers) is not None:
            return None
        return session_of(headers, self._policy.cookie) or None

    async def _is_still(self, visitor: Visitor, headers: Headers) -> bool:
        try:
            return await self._identify(headers) == visitor
        except WorkbenchError as error:
            return error.code != "access.login_required"  # a database that is away ends nobody's watching

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)


def token_of(headers: Headers) -> str | None:
    """The API token; None where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def session_of(headers: Headers, cookie: str) -> str:
    """The id in the session cookie; empty where there is none."""
    # Not the standard library's reader: it gives up at the first cookie of somebody else that it finds odd.
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(cookie, "")


def _user(known: Known) -> User:
    return User(known.name, known.role)


def _is_navigation(method: str, path: str, headers: Headers) -> bool:
    """Whether a person opens a page, who is better served by the login than by an error."""
    return (
        method in ("GET", "HEAD")
        and not path.startswith(("/api/", "/gradio_api/"))
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _asked_for(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")


def _login_required(why: str = "nobody is logged in") -> WorkbenchError:
    return WorkbenchError(
        "access.login_required",
        why,
        remedy="Log in at /login, or send an API token: `workbench user token add USER NAME` makes one.",
    )
