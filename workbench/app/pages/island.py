"""An island: a Gradio component whose inside is drawn by an ES module of ``workbench.web``."""

from __future__ import annotations

from typing import Any

import gradio as gr


class Island(gr.HTML):
    """Its value is any JSON value and travels like that of every other component, in both directions.

    The module's ``mount(element, {props, trigger, watch})`` draws ``props.value``, sets it and triggers events. The
    template is empty: one with the value in it would wipe away what the module made.
    """

    def __init__(self, module: str, value: Any = None, **options: Any) -> None:
        self.module = module
        super().__init__(
            value=value,
            html_template="",
            js_on_load=f"import('/web/{module}.js').then((m) => m.mount(element, {{ props, trigger, watch }}))",
            apply_default_css=False,
            **options,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": {}, "description": f"what {self.module} shows, as JSON"}

    def example_payload(self) -> Any:
        return None

    def example_value(self) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:  # type: ignore[override]
        return {name: value for name, value in super().get_config().items() if name != "module"}
