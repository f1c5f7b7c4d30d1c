"""Who asks: by an API token, by the home's token, or by the cookie of a browser session."""

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
from workbench.app.access.sessions import keep_session, session_of, token_of
from workbench.client.access import LOCAL, User
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.store.users import AuthenticatedUser, Users

T = TypeVar("T")

CALLS = ("/api/", "/gradio_api/")  # made by programs and by scripts of pages
_LOG_IN = "Log in at /login, or send an API token: `workbench user token add USER NAME` makes one."
_SEND_TOKEN = "Open the page with `workbench open`; programs send what `workbench token` prints, as a Bearer token."


@dataclass(frozen=True)
class Visitor:
    """Who asks, and by which browser session, where it is one."""

    user: User
    session: str | None = None


class Visitors:
    """Those who ask one server something."""

    def __init__(self, deployment: Deployment, policy: Policy) -> None:
        self._deployment, self._policy = deployment, policy
        # Threads of its own: while every thread of the routes waits for a part that is away, people are still known.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="guard")

    @cached_property
    def _users(self) -> Users:
        return users_of(self._deployment)

    @cached_property
    def _accounts_are_told(self) -> bool:
        return accounts.told_here()

    async def identify(self, scope: Scope, headers: Headers) -> Visitor | None:
        """None for an unknown visitor. Raises WorkbenchError: access.login_required for an unknown token,
        access.other_account for a cookie in the wrong hands."""
        if (token := token_of(headers)) is not None:
            if self._policy.opened_by(token):
                return Visitor(LOCAL)
            known = await self._ask(lambda: self._users.of_token(token))
            if known is None:
                raise self.login_required("the token is unknown, expired or its user disabled")
            return Visitor(_user(known))
        if self._policy.entrance is Entrance.OPEN or self._policy.opened_by(self.link(scope)):
            return Visitor(LOCAL)
        session = self.session(headers)
        if session is None:
            return None
        if self._policy.entrance is Entrance.TOKEN:
            return self._of_cookie(session, scope)
        known = await self._ask(lambda: self._users.of_session(session))
        return None if known is None else Visitor(_user(known), session)

    async def is_still(self, visitor: Visitor, scope: Scope, headers: Headers) -> bool:
        """Whether an open WebSocket is still that visitor's."""
        try:
            return await self.identify(scope, headers) == visitor
        except WorkbenchError as error:  # an unreachable database does not end a WebSocket
            return error.code not in ("access.login_required", "access.other_account")

    def session(self, headers: Headers) -> str | None:
        """The browser session that is to name the user; None where a token does, or everybody is let in."""
        if self._policy.entrance is Entrance.OPEN or token_of(headers) is not None:
            return None
        return session_of(headers, self._policy.cookie) or None

    def link(self, scope: Scope) -> str | None:
        """The token in the address of a page, where one opens this server."""
        page = scope.get("method") in ("GET", "HEAD") and not scope["path"].startswith(CALLS)
        return home_token.split_link(query_of(scope))[0] if page and self._policy.entrance is Entrance.TOKEN else None

    def login_required(self, why: str = "nobody is logged in") -> WorkbenchError:
        """The error that says how to be let in."""
        return WorkbenchError("access.login_required", why, remedy=_LOG_IN if self._policy.login else _SEND_TOKEN)

    def _of_cookie(self, cookie: str, scope: Scope) -> Visitor | None:
        if not home_token.cookie_holds(self._policy.token, cookie):
            return None
        client = scope.get("client")
        if self._accounts_are_told and _is_address(client) and not accounts.is_ours(client, scope["server"]):
            raise WorkbenchError(
                "access.other_account",
                "the cookie of this workbench was sent by a process of another account",
                where="Cookie",
                allowed="processes of the account that runs the workbench",
                remedy="For a proxy under an account of its own, make users and set WORKBENCH_LOGIN=required.",
            )
        return Visitor(LOCAL, cookie)

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)


def let_in(answer: Response, policy: Policy, *, secure: bool) -> None:
    """Give the browser the cookie of somebody who had the home's token."""
    value = home_token.new_cookie(policy.token)
    keep_session(answer, policy.cookie, value, lasts_s=home_token.COOKIE_S, secure=secure)


def query_of(scope: Scope) -> str:
    """The query string as it was sent."""
    return str(scope.get("query_string", b"").decode("latin-1"))


def _is_address(client: tuple[str, int] | None) -> TypeGuard[tuple[str, int]]:
    """Whether it is one of a network: inside one process there is no connection to ask about."""
    try:
        return client is not None and bool(ipaddress.ip_address(client[0]))
    except ValueError:
        return False


def _user(known: AuthenticatedUser) -> User:
    return User(known.name, known.role)
