"""Who presses a button on a page."""

from __future__ import annotations

import gradio as gr

from workbench.app.identity import User


def asking(request: gr.Request) -> User:
    """The user whom the guard found. Gradio's own ``request.state`` is another object's."""
    user: User = request.request.scope["state"]["user"]
    return user
