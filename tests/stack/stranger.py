"""What another account of the machine gets from the ports and sockets of an object store.

Run as a program, which turns into that account: ``python -I - <JSON of ports, sockets and uid>``. It prints, for each
port and socket, the answers as JSON; "" means that nothing came.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - that account cannot read the standard library, and create_connection wants this
import json
import os
import socket
import ssl
import sys

H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # the preface and empty SETTINGS
PATHS = (
    *("/", "/ui/index.html", "/dir/assign", "/dir/status", "/dir/lookup?volumeId=1", "/cluster/status", "/vol/status"),
    *(
        "/vol/vacuum?garbageThreshold=0",
        "/col/delete?collection=workbench",
        "/status",
        "/stats/disk",
        "/1,01",
        "/metrics",
    ),
    *("/buckets/", "/api/s3/buckets", "/healthz", "/workbench/before", "/workbench?list-type=2"),
)


def http(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()


def ask(port: int, request: bytes, context: ssl.SSLContext | None) -> str:
    """What comes back, in Latin-1; "" when the connection is refused or closed without a word."""
    try:
        plain = socket.create_connection(("127.0.0.1", port), timeout=3)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain as line:
            line.sendall(request)
            answer = b""
            while b"\x00\x00" not in answer and len(answer) < 4096 and (more := line.recv(4096)):
                answer += more
            return answer.decode("latin-1")
    except OSError:
        return ""


def main() -> None:
    given = json.loads(sys.argv[1])
    if given["uid"] != os.getuid():
        os.setgroups([])
        os.setgid(given["uid"])
        os.setuid(given["uid"])
    anonymous = ssl.create_default_context()
    anonymous.check_hostname, anonymous.verify_mode = False, ssl.CERT_NONE
    anonymous.set_alpn_protocols(["h2", "http/1.1"])
    over_http = ssl.create_default_context()
    over_http.check_hostname, over_http.verify_mode = False, ssl.CERT_NONE
    answers = {}
    for port in given["ports"]:
        found = {f"plain {path}": ask(port, http(path), None) for path in PATHS}
        found |= {f"tls {path}": ask(port, http(path), over_http) for path in PATHS[:3]}
        answers[port] = {**found, "plain h2": ask(port, H2, None), "tls h2": ask(port, H2, anonymous)}
    for path in given["sockets"]:
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(path)
                answers[path] = "connected"
            except OSError as error:
                answers[path] = type(error).__name__
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
