"""Builds the pages and mounts them at the root of the app."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from workbench import web


class _Asked(StaticFiles):
    """A browser asks whether a module has changed: after an update no old one meets a new page."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        answer = super().file_response(*args, **named)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def mount_pages(app: FastAPI, *, login: bool) -> None:
    """Mount the pages; every route that is registered before goes first.

    Imports Gradio: some seconds of CPU.

    Args:
        login: whether people log in.
    """
    import gradio as gr

    from workbench.app.pages.endpoints import add_endpoints
    from workbench.app.pages.generate import generate_page
    from workbench.app.pages.runs import runs_page
    from workbench.app.pages.system import system_page
    from workbench.app.pages.theme import HEAD, theme

    deployment = app.state.deployment
    with gr.Blocks(title="Workbench", analytics_enabled=False, fill_width=True) as demo:
        add_endpoints(deployment)  # first: events of the page have names too, and would take these
        generate_page(deployment, demo, login=login)
    with demo.route("Runs", "runs"):
        runs_page()
    with demo.route("System", "system"):
        system_page()
    demo.queue(default_concurrency_limit=8)  # every event is a short call; people must not wait for each other
    app.mount("/web", _Asked(directory=web.folder()), name="web")
    gr.mount_gradio_app(
        app,
        demo,
        path="/",
        theme=theme(),
        css_paths=[web.folder() / "workbench.css"],
        head=HEAD,
        favicon_path=str(web.folder() / "icon.png"),
        run_history=False,
        ssr_mode=False,
        footer_links=[],
        show_error=False,  # the text of a bug is for the log; what `gr.Error` says is shown all the same
    )
    # Gradio looks at the paths of files only once it is launched, and a mounted page never is.
    demo.has_launched = True
