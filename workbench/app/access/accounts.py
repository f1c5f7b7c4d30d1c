"""Which account of this machine has the other end of a connection on loopback.

Browsers send a cookie to every port of a host. So a server that another account runs beside us is handed our cookie
when its page is visited, and could bring it here.
"""

from __future__ import annotations

import os
import socket

from workbench.host import this_host

Address = tuple[str, int]


def told_here() -> bool:
    """Whether this system tells: tried once, with a connection of our own."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            return this_host().account_of(client.getsockname(), server.getsockname()) is not None
    except OSError:
        return False


def is_ours(client: Address, server: Address) -> bool:
    """Whether the client's end belongs to our own account, or to root, who can do anything here.

    False as well where there is no such connection, or where its process has gone.
    """
    return this_host().account_of(client, server) in (os.geteuid(), 0)
