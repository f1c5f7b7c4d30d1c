"""What a page shows before Gradio has drawn it: a plain heading, and the content only when its parts have their places.

Gradio draws a page piece by piece, and adds styles and scripts of its own after its first pieces. Everything would move
several times. So a style sheet and a module precede Gradio's in the page's head.
"""

from __future__ import annotations

from gradio.routes import templates
from jinja2 import ChoiceLoader, DictLoader

_PAGE = "frontend/index.html"
_FIRST = '<link rel="stylesheet" href="/web/first.css"><script type="module" src="/web/first.js"></script>'


def add_first_paint() -> None:
    """Add both to the head of all Gradio pages of this process."""
    loader, env = templates.env.loader, templates.env
    assert loader is not None
    source, _, _ = loader.get_source(env, _PAGE)
    if _FIRST not in source:
        env.loader = ChoiceLoader([DictLoader({_PAGE: source.replace("<head>", f"<head>{_FIRST}", 1)}), loader])
