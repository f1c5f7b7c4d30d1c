"""A Gradio component whose content is drawn by an ES module of ``workbench.web`` (an island)."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

JsComponent = gr.HTML


def js_component(
    module: str, value: Any = None, *, fixed: dict[str, str | int] | None = None, **options: Any
) -> JsComponent:
    """A component with a JSON value that Gradio sends in both directions, like the value of any other component.

    The module's ``mount(element, {props, trigger, watch})`` draws ``props.value``, sets it and triggers events.

    Args:
        fixed: additional constant arguments of ``mount``, because Gradio drops other ``props`` on updates.
        options: of ``gr.HTML``, which passes unknown options to the module in ``props``.
    """
    mounted = f"{{ props, trigger, watch, ...{json.dumps(fixed or {})} }}"
    # Not a subclass, because Gradio would write a stub file beside this one. The template is empty, because a template
    # with the value would overwrite the elements of the module.
    return gr.HTML(
        value=value,
        html_template="",
        js_on_load=f"import('/web/{module}.js').then((m) => m.mount(element, {mounted}))",
        apply_default_css=False,
        **options,
    )
