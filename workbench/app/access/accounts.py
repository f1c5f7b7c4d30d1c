"""Finds the account of this machine that owns the other end of a loopback connection.

Browsers send a cookie to every port of a host. A server that another account runs on this machine therefore receives
our cookie when the user visits its page, and could replay it here.
"""

from __future__ import annotations

import os
import socket

from workbench.host import this_host

Address = tuple[str, int]


def can_identify_accounts() -> bool:
    """Whether this system reveals the owner of a connection. Tests it once with a connection of its own."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            return this_host().account_of(client.getsockname(), server.getsockname()) is not None
    except OSError:
        return False


def is_own_account(client: Address, server: Address) -> bool:
    """Whether the client's end belongs to our own account, or to root, who can do anything here.

    Also False if the connection does not exist, or if its process has ended.
    """
    return this_host().account_of(client, server) in (os.geteuid(), 0)
