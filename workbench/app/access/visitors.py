"""Identifies visitors by an API token, by the home's token, or by the cookie of a browser session."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard, TypeVar

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from schemas.errors import WorkbenchError
from workbench.app.access import accounts, home_token
from workbench.app.access.policy import Entrance, Policy
from workbench.app.access.rater import may_load_modules
from workbench.app.access.sessions import keep_session, session_of, token_of
from workbench.client.access import LOCAL, User
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.store.users import AuthenticatedUser, Users

T = TypeVar("T")

CALLS = ("/api/", "/gradio_api/")  # called by programs and by scripts of pages
_LOG_IN = "Log in at /login, or send an API token: `workbench user token add USER NAME` creates one."
_SEND_TOKEN = "Open the page with `workbench open`. Programs send the output of `workbench token` as a Bearer token."


@dataclass(frozen=True)
class Visitor:
    """The user of a request, and the browser session, if there is one."""

    user: User
    session: str | None = None


class Visitors:
    """Identifies the visitors of one server."""

    def __init__(self, deployment: Deployment, policy: Policy) -> None:
        self._deployment, self._policy = deployment, policy
        # Separate threads, so that visitors can be identified while all route threads wait for an unreachable part.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="guard")

    @cached_property
    def _users(self) -> Users:
        return users_of(self._deployment)

    @cached_property
    def _accounts_are_known(self) -> bool:
        return accounts.can_identify_accounts()

    async def identify(self, scope: Scope, headers: Headers) -> Visitor | None:
        """None for an unknown visitor. Raises WorkbenchError: access.login_required for an unknown token,
        access.other_account for a cookie that another account sent."""
        if (token := token_of(headers)) is not None:
            if self._policy.opened_by(token):
                return Visitor(LOCAL)
            found = await self._query(lambda: self._users.of_token(token))
            if found is None:
                raise self.login_required("the token is unknown or expired, or its user is disabled")
            return Visitor(_user(found))
        if self._policy.entrance is Entrance.OPEN or self._policy.opened_by(self.link(scope)):
            return Visitor(LOCAL)
        session = self.session(headers)
        if session is None:
            return None
        if self._policy.entrance is Entrance.TOKEN:
            return self._of_cookie(session, scope)
        found = await self._query(lambda: self._users.of_session(session))
        return None if found is None else Visitor(_user(found), session)

    async def is_still(self, visitor: Visitor, scope: Scope, headers: Headers) -> bool:
        """Whether the visitor of an open WebSocket is still logged in."""
        try:
            return await self.identify(scope, headers) == visitor
        except WorkbenchError as error:  # an unreachable database does not end a WebSocket
            return error.code not in ("access.login_required", "access.other_account")

    async def is_rater(self, method: str, path: str, headers: Headers) -> bool:
        """Whether someone who came by a rater's link loads the modules of the page."""
        if not path.startswith("/web/"):
            return False
        return await self._query(lambda: may_load_modules(self._deployment, method, path, headers))

    def session(self, headers: Headers) -> str | None:
        """The browser session that identifies the user; None if a token does, or if the app is open."""
        if self._policy.entrance is Entrance.OPEN or token_of(headers) is not None:
            return None
        return session_of(headers, self._policy.cookie) or None

    def link(self, scope: Scope) -> str | None:
        """The token in the address of a page, if this server accepts one."""
        page = scope.get("method") in ("GET", "HEAD") and not scope["path"].startswith(CALLS)
        return home_token.split_link(query_of(scope))[0] if page and self._policy.entrance is Entrance.TOKEN else None

    def login_required(self, why: str = "the request has no valid login") -> WorkbenchError:
        """The error that explains how to log in."""
        return WorkbenchError("access.login_required", why, remedy=_LOG_IN if self._policy.login else _SEND_TOKEN)

    def _of_cookie(self, cookie: str, scope: Scope) -> Visitor | None:
        if not home_token.cookie_holds(self._policy.token, cookie):
            return None
        client = scope.get("client")
        if self._accounts_are_known and _is_address(client) and not accounts.is_own_account(client, scope["server"]):
            raise WorkbenchError(
                "access.other_account",
                "a process of another account sent the cookie of this workbench",
                where="Cookie",
                allowed="processes of the account that runs the workbench",
                remedy="For a proxy with its own account, add users and set WORKBENCH_LOGIN=required.",
            )
        return Visitor(LOCAL, cookie)

    async def _query(self, query: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, query)


def let_in(answer: Response, policy: Policy, *, secure: bool) -> None:
    """Set the cookie of a visitor who presented the home's token."""
    value = home_token.new_cookie(policy.token)
    keep_session(answer, policy.cookie, value, lasts_s=home_token.COOKIE_S, secure=secure)


def query_of(scope: Scope) -> str:
    """The raw query string."""
    return str(scope.get("query_string", b"").decode("latin-1"))


def _is_address(client: tuple[str, int] | None) -> TypeGuard[tuple[str, int]]:
    """Whether the client has a network address. Calls within one process have no connection."""
    try:
        return client is not None and bool(ipaddress.ip_address(client[0]))
    except ValueError:
        return False


def _user(found: AuthenticatedUser) -> User:
    return User(found.name, found.role)
