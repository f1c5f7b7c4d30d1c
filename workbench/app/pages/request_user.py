"""The user of a Gradio event."""

from __future__ import annotations

import gradio as gr

from workbench.client.access import User


def request_user(request: gr.Request) -> User:
    """The user whom the guard identified. Gradio's own ``request.state`` belongs to a different object."""
    assert request.request is not None  # set for calls over HTTP, and all calls are
    user: User = request.request.scope["state"]["user"]
    return user
