"""The browser's files: ES modules and one stylesheet, shared by the page and the notebook widgets.

A module that draws something exports ``mount(element, options)``, which returns a function that removes it. There is no
build step, no external package, and no request to other hosts.
"""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The folder with the files."""
    return Path(__file__).parent
