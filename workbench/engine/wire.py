"""Length-prefixed frames between two processes over a socket pair: 4 bytes of length, big-endian, then the body.

stdout is not used, because a node may print. A frame has at most 64 MiB.
"""

from __future__ import annotations

import select
import socket
import struct
import threading

_LENGTH = struct.Struct(">I")
MAX_BYTES = 64 * 1024 * 1024


class Closed(Exception):
    """The other side has closed the connection."""


class Wire:
    """One end. ``send`` may be called from several threads, ``receive`` from one."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()
        self._lock = threading.Lock()

    def send(self, body: bytes) -> None:
        """Raises Closed."""
        try:
            with self._lock:
                self._socket.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next frame, or None after the timeout. Raises Closed."""
        while True:
            body = self._pop()
            if body is not None:
                return body
            # settimeout is not used, because it would also apply to senders in other threads.
            if timeout_s is not None and not select.select([self._socket], [], [], timeout_s)[0]:
                return None
            try:
                chunk = self._socket.recv(1 << 18)
            except OSError as error:
                raise Closed(str(error)) from error
            if not chunk:
                raise Closed("end of stream")
            self._buffer += chunk

    def close(self) -> None:
        self._socket.close()

    def _pop(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_BYTES:
            raise Closed(f"a message of {length:,} bytes")
        if len(self._buffer) < 4 + length:
            return None
        body = bytes(self._buffer[4 : 4 + length])
        del self._buffer[: 4 + length]
        return body
