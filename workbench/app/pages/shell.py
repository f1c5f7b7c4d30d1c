"""What every page begins with."""

from __future__ import annotations

import gradio as gr
from gradio.components.navbar import Navbar


def heading(title: str) -> None:
    """The navigation and the page's title."""
    Navbar(main_page_name="Generate")
    gr.Markdown(f"# {title}", elem_classes="wb-title", container=False)
