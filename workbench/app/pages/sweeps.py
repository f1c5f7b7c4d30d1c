"""What the page Sweeps needs to know of its user: whose draft it may start from, and the wording of the consent."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from workbench.app.pages.draft import draft_key
from workbench.app.pages.request_user import request_user
from workbench.client.consent_records import consent_text
from workbench.client.deployment import Deployment


def sweeps_value(deployment: Deployment, *, login: bool) -> Callable[[gr.Request], dict[str, str]]:
    """The event that tells a page as it opens.

    Args:
        login: whether users log in.
    """

    def told(request: gr.Request) -> dict[str, str]:
        text = consent_text(deployment.settings, login=login)
        return {"draftKey": draft_key(deployment, request_user(request)), "consentText": text}

    return told
