"""Which account of this machine has the other end of a connection on loopback, as the Linux kernel tells it.

Browsers send a cookie to every port of a host. So a server that another account runs beside us is handed our cookie
when its page is visited, and could bring it here. The kernel answers a query by both addresses in some 30 µs, however
many connections there are.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # linux/netlink.h, linux/sock_diag.h
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUERY = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its socket id
_PORTS, _ANY_INTERFACE = struct.Struct("!HH"), bytes(4) + b"\xff" * 8
_ANSWER = struct.Struct("=4x48x12xII")  # inet_diag_msg: its socket id, three counters; then uid and inode
_ALL_STATES = 0xFFFFFFFF

Address = tuple[str, int]


def told_here() -> bool:
    """Whether this system tells: tried once, with a connection of our own."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            return _holder(client.getsockname(), server.getsockname()) is not None
    except OSError:
        return False


def is_ours(client: Address, server: Address) -> bool:
    """Whether the client's end belongs to our own account, or to root, who can do anything here.

    False as well where there is no such connection, or where its process has gone.
    """
    found = _holder(client, server)
    if found is None:
        return False
    uid, inode = found
    return inode != 0 and uid in (os.geteuid(), 0)  # a socket that was closed has no inode, and counts as root's


def _holder(client: Address, server: Address) -> tuple[int, int] | None:
    """Number of the account and inode of the client's socket."""
    here, there = ipaddress.ip_address(client[0]), ipaddress.ip_address(server[0])
    family = socket.AF_INET if here.version == 4 else socket.AF_INET6
    socket_id = _PORTS.pack(client[1], server[1]) + here.packed.ljust(16, b"\0") + there.packed.ljust(16, b"\0")
    query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + socket_id + _ANY_INTERFACE
    kind = getattr(socket, "AF_NETLINK", None)
    if kind is None:
        return None
    with socket.socket(kind, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0) + query)
        answer = kernel.recv(4096)
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return None  # an error: there is no such connection
    uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    return uid, inode
