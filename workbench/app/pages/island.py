"""An island: a Gradio component whose inside is drawn by an ES module of ``workbench.web``."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

Island = gr.HTML


def island(module: str, value: Any = None, *, fixed: dict[str, str] | None = None, **options: Any) -> Island:
    """A component whose value is any JSON value and travels like that of every other component, in both directions.

    The module's ``mount(element, {props, trigger, watch})`` draws ``props.value``, sets it and triggers events.

    Args:
        fixed: more for ``mount``, the same as long as the page lives: with an update Gradio forgets other ``props``.
        options: of ``gr.HTML``; what that does not know is handed to the module in ``props``.
    """
    mounted = f"{{ props, trigger, watch, ...{json.dumps(fixed or {})} }}"
    # A subclass would make Gradio write a stub file beside this one. The template is empty: one with the value in it
    # would wipe away what the module made.
    return gr.HTML(
        value=value,
        html_template="",
        js_on_load=f"import('/web/{module}.js').then((m) => m.mount(element, {mounted}))",
        apply_default_css=False,
        **options,
    )
