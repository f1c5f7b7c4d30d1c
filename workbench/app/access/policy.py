"""The access policy of a server, derived once from its address and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from schemas.errors import WorkbenchError
from workbench.app.access import home_token
from workbench.app.access.addresses import bare_name, is_loopback, is_wildcard, split_host
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.settings import Settings


class Entrance(Enum):
    """How a visitor becomes a user."""

    USERS = "users"  # by name and password, or by an API token
    TOKEN = "token"  # on this machine: by the home's token, as the local admin
    OPEN = "open"  # on this machine, if its owner chose so: anyone who reaches the port is the local admin


@dataclass(frozen=True)
class Policy:
    """Attributes:
    entrance: how a visitor becomes a user.
    hosts: host names that are allowed in addition to loopback if users log in; None: any.
    cookie: name of the session cookie. It contains the port, because browsers share cookies between ports of a host.
    """

    entrance: Entrance
    hosts: frozenset[str] | None
    cookie: str
    token: str = field(default="", repr=False)

    @property
    def login(self) -> bool:
        """Whether users log in with names."""
        return self.entrance is Entrance.USERS

    def opened_by(self, token: str | None) -> bool:
        """Whether the token opens the app."""
        return self.entrance is Entrance.TOKEN and token is not None and home_token.same(self.token, token)

    def check_host(self, header: str | None, forwarded: bool) -> None:
        """Raises WorkbenchError (access.foreign_host) for a host name that is not this server's.

        Another site can make its own name resolve to 127.0.0.1 (DNS rebinding) and then counts as the same site. Only
        the Host header reveals this. Without users, proxied requests are refused too, because they may come from
        anywhere.
        """
        parsed = split_host(header) if header else None
        if parsed is None:
            raise _foreign(header, "the Host header is missing or malformed", "Send a valid Host header.")
        if not self.login and forwarded:
            raise _foreign(
                header,
                "the request passed through a proxy, but this server does not require a login",
                "Add users with `workbench user add NAME` and set WORKBENCH_LOGIN=required.",
            )
        if is_loopback(parsed[0]) or (self.login and (self.hosts is None or parsed[0] in self.hosts)):
            return
        raise _foreign(
            header,
            "this server does not have that name",
            "Use http://127.0.0.1 with the port of this server."
            if not self.login
            else f"Add the name to WORKBENCH_APP_HOSTS, e.g. WORKBENCH_APP_HOSTS={parsed[0]}.",
        )


def policy_of(settings: Settings, host: str, port: int) -> Policy:
    """The policy of a server that listens on ``host`` and ``port``."""
    name = bare_name(host)
    named = frozenset(bare_name(part.strip()) for part in settings.app_hosts.split(",") if part.strip())
    local = Entrance.TOKEN if settings.app_token else Entrance.OPEN
    return Policy(
        entrance=Entrance.USERS if people_log_in(settings, host) else local,
        hosts=named or (None if is_wildcard(name) else frozenset({name})),
        cookie=f"workbench_session_{port}",
        token=settings.app_token,
    )


def people_log_in(settings: Settings, host: str) -> bool:
    """Whether a server that listens on ``host`` has users who log in."""
    return not is_loopback(bare_name(host)) or settings.login == "required"


def check_address(deployment: Deployment, host: str) -> None:
    """Raises WorkbenchError (access.no_user) if the server would be reachable by others but has no user."""
    if is_loopback(bare_name(host)) or users_of(deployment).any_enabled():
        return
    raise WorkbenchError(
        "access.no_user",
        f"the page would be reachable by others on {host}, but it has no users yet",
        where="--host",
        seen=host,
        allowed="127.0.0.1, or any address if there is a user",
        remedy="Add a user with `workbench user add NAME --role admin`, then start it again.",
    )


def _foreign(seen: str | None, message: str, remedy: str) -> WorkbenchError:
    return WorkbenchError("access.foreign_host", message, where="Host", seen=seen or "", remedy=remedy)
