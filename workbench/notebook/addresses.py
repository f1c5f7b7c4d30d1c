"""Where a browser finds what the kernel names."""

from __future__ import annotations

from urllib.parse import urlsplit

from workbench.settings import Settings


def page_of(settings: Settings) -> str:
    """The address of the page, if it is this machine's and has no users who log in; else ""."""
    host = urlsplit(settings.app_url).hostname or ""
    open_here = host in ("localhost", "127.0.0.1", "::1") and settings.login != "required"
    return settings.app_url.rstrip("/") if open_here else ""
