"""The Linux-specific parts: prctl, /proc, namespaces, and queries about sockets."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import resource
import signal
import socket
import struct
from functools import cache
from pathlib import Path

from workbench.host.portable import Address, Host

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000  # linux/sched.h
_STATUS, _STATM, _CLEAR = (Path("/proc/self") / name for name in ("status", "statm", "clear_refs"))
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # linux/netlink.h, linux/sock_diag.h
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUERY = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its socket id
_PORTS, _ANY_INTERFACE = struct.Struct("!HH"), bytes(4) + b"\xff" * 8
_ANSWER = struct.Struct("=4x48x12xII")  # inet_diag_msg: its socket id, three counters; then uid and inode
_ALL_STATES = 0xFFFFFFFF


class LinuxHost(Host):
    """The host on Linux."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork

    def end_with_parent(self, parent: int) -> None:
        # The kernel reacts to the end of the thread that started us, and kills even while a node holds the GIL.
        self.signal_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)

    def signal_with_parent(self, number: signal.Signals) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, number)

    def has_exited(self, pid: int) -> bool:
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def resident_bytes(self) -> int:
        return int(os.pread(_statm(os.getpid()), 128, 0).split()[1]) * _PAGE_BYTES

    def peak_bytes(self) -> int:
        peak = 0
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
        # "5" resets the peak (proc(5)); if the kernel forbids it, the peak is that of the whole process.
        with contextlib.suppress(OSError):
            _CLEAR.write_bytes(b"5")
        return peak

    def isolate(self) -> None:
        self._libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # some containers refuse this; then the network stays
        self._libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

    def limit_memory(self, limit_bytes: int, exit_status: int) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))

    def account_of(self, client: Address, server: Address) -> int | None:
        # One query with both addresses takes 30 µs, for any number of connections.
        here, there = ipaddress.ip_address(client[0]), ipaddress.ip_address(server[0])
        family = socket.AF_INET if here.version == 4 else socket.AF_INET6
        socket_id = _PORTS.pack(client[1], server[1]) + here.packed.ljust(16, b"\0") + there.packed.ljust(16, b"\0")
        query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + socket_id + _ANY_INTERFACE
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(1.0)
            kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0) + query)
            answer = kernel.recv(4096)
        if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
            return None  # an error: the connection does not exist
        uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
        return uid if inode else None  # a closed socket has no inode and belongs to root


@cache
def _statm(_pid: int) -> int:
    """The file stays open, because opening it for each node took longer than many nodes."""
    return os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
