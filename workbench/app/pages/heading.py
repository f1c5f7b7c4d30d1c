"""The navigation and the title at the top of every page."""

from __future__ import annotations

import gradio as gr
from gradio.components.navbar import Navbar


def heading(title: str) -> None:
    """Add the navigation and the page's title."""
    Navbar(main_page_name="Generate")
    gr.Markdown(f"# {title}", elem_classes="wb-title", container=False)
