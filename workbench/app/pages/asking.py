"""Who presses a button on a page."""

from __future__ import annotations

import gradio as gr

from workbench.client.access import User


def asking(request: gr.Request) -> User:
    """The user whom the guard found. Gradio's own ``request.state`` is another object's."""
    assert request.request is not None  # it is for calls over HTTP, and all are
    user: User = request.request.scope["state"]["user"]
    return user
