"""The guard: the outermost middleware, which passes on or refuses every request and WebSocket.

It identifies the user (``visitors``) and stores the user in the scope's state, where ``workbench.app.identity`` reads
it. It streams bodies through. The functions that look up a job check what the user may do with it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.access import home_token
from workbench.app.access.body import call_limited, check_declared, is_upload, largest_body
from workbench.app.access.cross_site import check_site, csrf_token
from workbench.app.access.headers import content_security_policy, secure
from workbench.app.access.limits import Limits, Open
from workbench.app.access.policy import Policy
from workbench.app.access.rater import is_for_raters
from workbench.app.access.visitors import CALLS, Visitor, Visitors, let_in, query_of
from workbench.app.error_responses import error_response
from workbench.client.deployment import Deployment
from workbench.client.media.links import is_signed

LOGIN_REQUIRED = 4401  # close code of a WebSocket whose user has to log in
_CLOSED = {
    "access.login_required": (LOGIN_REQUIRED, "log in first"),
    "access.too_many": (1013, "too many at once: try again later"),
}
RECHECK_S = 15.0  # the WebSocket of a user who logged out or was disabled closes within this time
_OPEN = frozenset({"/login", "/logout", "/health", "/ready"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_STATIC = (
    "/assets/",
    "/static/",
    "/svelte/",
    "/web/",
    "/mlflow/static-files/",
)  # a page loads about a hundred of them, so they do not count towards the limits
# Gradio would fetch the URL in such a path on behalf of the caller.
_FETCHES_FOR_OTHERS = re.compile(r"/(?:file[=/]\W*https?:|proxy=)", re.IGNORECASE)


class Guard:
    """ASGI middleware for HTTP and WebSockets. Must be the outermost one.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        deployment: Deployment,
        policy: Policy,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self._deployment, self._policy, self._limits, self._clock = deployment, policy, limits, clock
        self._visitors = Visitors(deployment, policy)

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
                policy = content_security_policy(headers.get("host", ""), self._deployment.settings.s3_url)
                secure(MutableHeaders(scope=message), policy, path)
            await send(message)

        answer: Response | None = None
        try:
            if method in ("GET", "HEAD") and is_signed(self._deployment.settings, path, query_of(scope)):
                self._check_host(headers)
                await self.app(scope, receive, securely)  # anyone with the link, from any page
                return
            visitor = await self._admit(method, scope, headers)
            if (link := self._visitors.link(scope)) is not None:
                answer = self._follow(link, scope, known=visitor is not None)
            elif visitor is None and not await self._open_to_all(method, path, headers):
                if not _is_navigation(method, path, headers):
                    raise self._visitors.login_required()
                answer = RedirectResponse(_login_page(scope, query_of(scope)), 303)
            elif (limit := largest_body(method, path)) is None:
                with self._one(self._limits.uploads_open, visitor):
                    await call_limited(self.app, scope, receive, securely, None)
            else:
                check_declared(headers, limit)
                await call_limited(self.app, scope, receive, securely, limit)
        except WorkbenchError as error:
            answer = error_response(error)
            if error.code in ("request.too_large", "request.stalled"):
                answer.headers["Connection"] = "close"  # the rest of the body remains unread
        except Exception:
            if not answered:
                message = "This is a bug in the workbench. The traceback is in the log of the app."
                body = {"error": message, "code": "bug", "details": {}}
                # The server drops the connection because of the exception below, so clients must not reuse it.
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
                    raise self._visitors.login_required()
                counted.enter_context(self._one(self._limits.sockets_open, visitor))
            except WorkbenchError as error:
                await receive()  # websocket.connect
                if close := _CLOSED.get(error.code):
                    # The page only receives the close code of an accepted WebSocket.
                    await send({"type": "websocket.accept"})
                    await send({"type": "websocket.close", "code": close[0], "reason": close[1]})
                else:
                    await send({"type": "websocket.close", "code": 1008})  # not accepted yet, so this sends HTTP 403
                return
            await self._talk(visitor, headers, scope, receive, send)

    async def _talk(self, visitor: Visitor, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        checked, ended = self._clock(), False

        async def while_allowed(message: Message) -> None:
            nonlocal checked, ended
            if message["type"] == "websocket.send" and self._clock() - checked >= RECHECK_S:
                checked = self._clock()
                ended = not await self._visitors.is_still(visitor, scope, headers)
                if ended:
                    await send({"type": "websocket.close", "code": LOGIN_REQUIRED, "reason": "log in again"})
            if ended:
                raise OSError("the login behind this WebSocket has ended")  # the app sees a disconnected client
            await send(message)

        try:
            await self.app(scope, receive, while_allowed)
        except Exception:
            if not ended:
                raise

    async def _open_to_all(self, method: str, path: str, headers: Headers) -> bool:
        """Whether a visitor without a login may go on. The addresses for raters check the rater's link themselves."""
        return path in _OPEN or is_for_raters(path) or await self._visitors.is_rater(method, path, headers)

    def _one(self, open_: Open, visitor: Visitor | None) -> contextlib.AbstractContextManager[None]:
        """Count one more concurrent request of the user, if the app requires a login."""
        return open_.one(visitor.user.name) if self._policy.login and visitor else contextlib.nullcontext()

    async def _admit(self, method: str, scope: Scope, headers: Headers) -> Visitor | None:
        """The visitor, or None if unknown. Raises WorkbenchError for requests that are forbidden to everyone."""
        path = scope["path"]
        self._check_host(headers)
        if _FETCHES_FOR_OTHERS.search(path):
            raise WorkbenchError("request.not_found", "there is nothing at this address", remedy="Use /api/artifacts.")
        check_site(method, headers, self._visitors.session(headers))
        visitor = None
        try:
            visitor = await self._visitors.identify(scope, headers)
        finally:  # failed guesses count too
            if (self._policy.login or visitor is None) and not path.startswith(_STATIC):
                key = f"user:{visitor.user.name}" if visitor else _address(scope)
                self._limits.check_request(key)
        if visitor is not None:
            if self._policy.login and is_upload(method, path):
                self._limits.check_upload(visitor.user.name)
            token = csrf_token(visitor.session) if visitor.session else ""
            # All requests share the original state, so this request gets a copy.
            own = {"user": visitor.user, "csrf_token": token, "login": self._policy.login}
            scope["state"] = {**(scope.get("state") or {}), **own}
        return visitor

    def _check_host(self, headers: Headers) -> None:
        named = headers.getlist("host")
        self._policy.check_host(named[0] if len(named) == 1 else None, any(name in headers for name in _FORWARDED))

    def _follow(self, token: str, scope: Scope, known: bool) -> Response:
        """Redirect to the same address without the token, so that no history and no Referer header contains it.

        A wrong token redirects to the login. Raises WorkbenchError (access.too_many) after too many wrong tokens.
        """
        rest = home_token.split_link(query_of(scope))[1]
        if not self._policy.opened_by(token):
            if known:  # an old link, but the browser already has access
                return RedirectResponse(_address_of(scope, rest), 303)
            self._limits.check_login(_address(scope))
            return RedirectResponse(f"{_login_page(scope, rest)}&wrong=1", 303)
        answer = RedirectResponse(_address_of(scope, rest), 303)
        let_in(answer, self._policy, secure=scope["scheme"] == "https")
        return answer


def _is_navigation(method: str, path: str, headers: Headers) -> bool:
    """Whether a person opens a page, who needs the login page instead of an error."""
    return (
        method in ("GET", "HEAD")
        and not path.startswith(CALLS)
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _address_of(scope: Scope, query: str) -> str:
    """An address on this server. A path with two leading slashes would name another server."""
    return "/" + quote(scope["path"].lstrip("/")) + (f"?{query}" if query else "")


def _login_page(scope: Scope, query: str) -> str:
    return f"/login?next={quote(_address_of(scope, query), safe='')}"


def _address(scope: Scope) -> str:
    """The key of visitors without a login in the limits."""
    return f"address:{(scope.get('client') or ('unknown',))[0]}"
