"""The browser's files: ES modules and style sheets, shared by the page and the notebook widgets.

A module that draws something exports ``mount(element, options)``, which returns a function that removes it. There is no
build step, no external package, and no request to other hosts.
"""

from __future__ import annotations

from pathlib import Path

# Later rules win.
STYLES = (
    *("palette", "elements", "form", "job", "runs", "runs_table", "player", "exported", "sweeps", "system"),
    *("dialogs", "vote", "gradio"),
)


def folder() -> Path:
    """The folder with the files."""
    return Path(__file__).parent


def style_sheets() -> list[Path]:
    """The style sheets in their order. Pages and notebooks use the same ones."""
    return [folder() / "style" / f"{name}.css" for name in STYLES]
