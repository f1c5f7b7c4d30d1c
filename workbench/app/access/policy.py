"""What a server asks of those who reach it: decided once from where it listens and the settings."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import WorkbenchError
from workbench.app.access.addresses import bare_name, is_loopback, is_wildcard, split_host
from workbench.client.bench import Bench
from workbench.client.users import users_of
from workbench.settings import Settings


@dataclass(frozen=True)
class Policy:
    """Attributes:
    login: whether everybody has to log in.
    hosts: names by which the server may be called besides loopback's; None: any.
    cookie: name of the session cookie. The port is in it: browsers share cookies between the ports of a host.
    """

    login: bool
    hosts: frozenset[str] | None
    cookie: str

    def check_host(self, header: str | None, forwarded: bool) -> None:
        """Raises WorkbenchError (access.foreign_host) for a name that is not this server's.

        A page of another site can have its own name resolve to 127.0.0.1 and then counts as the same site: only the
        Host header tells. Without login a request that passed a proxy is refused too: it may come from anywhere.
        """
        parsed = split_host(header) if header else None
        if parsed is None:
            raise _foreign(header, "the Host header is missing or malformed", "Name the server in the Host header.")
        if not self.login and forwarded:
            raise _foreign(
                header,
                "the request passed a proxy, and nobody has to log in here",
                "Make users with `workbench user add NAME` and set WORKBENCH_LOGIN=required.",
            )
        if is_loopback(parsed[0]) or (self.login and (self.hosts is None or parsed[0] in self.hosts)):
            return
        raise _foreign(
            header,
            "this server is not called by that name",
            "Use http://127.0.0.1 with the port of this server."
            if not self.login
            else f"Add the name to WORKBENCH_APP_HOSTS, e.g. WORKBENCH_APP_HOSTS={parsed[0]}.",
        )


def policy_of(settings: Settings, host: str, port: int) -> Policy:
    """The policy of a server that listens on ``host`` and ``port``."""
    name = bare_name(host)
    named = frozenset(bare_name(part.strip()) for part in settings.app_hosts.split(",") if part.strip())
    return Policy(
        login=not is_loopback(name) or settings.login == "required",
        hosts=named or (None if is_wildcard(name) else frozenset({name})),
        cookie=f"workbench_session_{port}",
    )


def check_address(bench: Bench, host: str) -> None:
    """Raises WorkbenchError (access.no_user) before a server is opened to others that nobody could log in to."""
    if is_loopback(bare_name(host)) or users_of(bench).any_enabled():
        return
    raise WorkbenchError(
        "access.no_user",
        f"on {host} others can reach the page, and it has no user yet",
        where="--host",
        seen=host,
        allowed="127.0.0.1, or any address once there is a user",
        remedy="Make one with `workbench user add NAME --role admin`, then start it again.",
    )


def _foreign(seen: str | None, message: str, remedy: str) -> WorkbenchError:
    return WorkbenchError("access.foreign_host", message, where="Host", seen=seen or "", remedy=remedy)
