"""Addresses that a browser on this machine can open."""

from __future__ import annotations

from urllib.parse import urlsplit

from workbench.settings import Settings


def page_of(settings: Settings) -> str:
    """The address of the page if it is on this machine and has no login; else ""."""
    host = urlsplit(settings.app_url).hostname or ""
    open_here = host in ("localhost", "127.0.0.1", "::1") and settings.login != "required"
    return settings.app_url.rstrip("/") if open_here else ""
