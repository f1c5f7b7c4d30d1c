"""Names and addresses of servers in Host and Origin headers."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_DEFAULT_PORT = {"http": 80, "https": 443}


def split_host(text: str) -> tuple[str, int | None] | None:
    """Name (lower case, without brackets) and port of a Host header; None if the text is not valid."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    return found["name"].strip("[]").rstrip("."), int(found["port"]) if found["port"] else None


def bare_name(text: str) -> str:
    """The name or address without port and brackets. Also accepts an IPv6 address without brackets."""
    parsed = split_host(text)
    return parsed[0] if parsed else text.strip("[]").lower()


def is_loopback(name: str) -> bool:
    """Whether a name or address without port is this machine's loopback: localhost, 127.0.0.0/8, ::1.

    Other names are not resolved, because the result can change after the check.
    """
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_wildcard(name: str) -> bool:
    """Whether a server that listens on this name listens on every address of the machine."""
    try:
        return name == "" or ipaddress.ip_address(name.strip("[]")).is_unspecified
    except ValueError:
        return False


def same_server(origin: str, host: str) -> bool:
    """Whether an Origin header names the server that a Host header names.

    The schemes are not compared, because behind a proxy that terminates TLS the app sees http and the browser https.
    """
    try:
        parts = urlsplit(origin)
        name, port = parts.hostname, parts.port
    except ValueError:
        return False
    here = split_host(host)
    if parts.scheme not in _DEFAULT_PORT or not name or here is None:  # "null" among others
        return False
    default = _DEFAULT_PORT[parts.scheme]
    return (name.rstrip("."), port or default) == (here[0], here[1] or default)
