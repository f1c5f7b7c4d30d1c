"""Builds the Gradio pages and mounts them at the root of the app."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from workbench import web

EVENT_POLL_S, PROGRESS_POLL_S = 0.05, 0.2


class _RevalidatedFiles(StaticFiles):
    """Makes browsers revalidate each module, so that after an update a new page never loads an old module."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        answer = super().file_response(*args, **named)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def poll_rarely(demo: Any) -> None:
    """Let Gradio look for events 20 times a second instead of 1000, and for progress 5 times instead of 100.

    Its queue has two loops that sleep and look, also while no page is open: 5 % of a core. On Windows, Gradio itself
    looks for events as rarely. An event of the page begins 25 ms later on average.
    """
    queue = demo._queue  # there is no public setting
    queue.sleep_when_free, queue.progress_update_sleep_when_free = EVENT_POLL_S, PROGRESS_POLL_S


def mount_pages(app: FastAPI, *, login: bool) -> None:
    """Mount the pages. Routes that are registered before take precedence.

    Imports Gradio, which takes some seconds of CPU time.

    Args:
        login: whether users log in.
    """
    import gradio as gr

    from workbench.app.pages.endpoints import add_endpoints
    from workbench.app.pages.first_paint import add_first_paint
    from workbench.app.pages.generate import generate_page
    from workbench.app.pages.heading import heading
    from workbench.app.pages.js_component import js_component
    from workbench.app.pages.sweeps import sweeps_value
    from workbench.app.pages.theme import HEAD, theme

    add_first_paint()
    deployment = app.state.deployment
    with gr.Blocks(title="Workbench", analytics_enabled=False, fill_width=True) as demo:
        add_endpoints(deployment)  # first, because events of the page have names too and would take these
        generate_page(deployment, demo, login=login)
    for title in ("Runs", "Sweeps", "System"):  # drawn in the browser with the HTTP API
        name = title.lower()
        with demo.route(title, name) as page:
            heading(title)
            island = js_component(name, elem_id=name)
            if name == "sweeps":
                page.load(
                    sweeps_value(deployment, login=login),
                    None,
                    island,
                    show_progress="hidden",
                    api_visibility="private",
                )
    demo.queue(default_concurrency_limit=8)  # events are short calls, and users must not wait for each other
    poll_rarely(demo)
    app.mount("/web", _RevalidatedFiles(directory=web.folder()), name="web")
    gr.mount_gradio_app(
        app,
        demo,
        path="/",
        theme=theme(),
        css_paths=web.style_sheets(),
        head=HEAD,
        favicon_path=str(web.folder() / "icon.png"),
        run_history=False,
        ssr_mode=False,
        footer_links=[],
        show_error=False,  # unexpected exceptions appear in the log only; `gr.Error` is shown regardless
    )
    # Gradio checks file paths only after launch(), which is never called for a mounted page.
    demo.has_launched = True
