"""Opens an address in the user's browser."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>Opening</title>
<p><a href="{url}">Continue</a></p>
"""


def open_page(url: str) -> None:
    """Open the address in a browser if there is a screen. Returns at once. The caller prints the address too."""
    import sys
    import threading
    import webbrowser

    shown = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if url and shown:
        # A browser that starts slowly, or one that runs in this terminal, must not block the stack.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def private_page(url: str, file: Path) -> str:
    """The address of a file that redirects to ``url`` and that only this user can read.

    The address is a command line argument of the browser, and every user of the machine can read those.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(place, "w", encoding="utf-8") as page:
        page.write(_PAGE.format(url=html.escape(url, quote=True)))
    return file.absolute().as_uri()


@contextmanager
def secret_page(url: str, file: Path) -> Iterator[str]:
    """Like ``private_page``, but removes the file at the end."""
    try:
        yield private_page(url, file)
    finally:
        file.unlink(missing_ok=True)
