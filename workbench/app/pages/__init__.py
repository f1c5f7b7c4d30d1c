"""The Gradio pages."""

from __future__ import annotations

from fastapi import FastAPI


def mount_pages(app: FastAPI) -> None:
    """Mount the pages at the root; everything that is registered before goes first."""
    import gradio as gr

    with gr.Blocks(title="Workbench") as demo:
        gr.Markdown("# Workbench")
    gr.mount_gradio_app(app, demo, path="", run_history=False, ssr_mode=False, footer_links=[])
