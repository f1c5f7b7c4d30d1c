"""Buttons that let another pipeline fill an input: a draft of a script, a transcript of an audio file."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.fields import Field, Fields, FillButton
from workbench.app.pages.form import Form, Values, submitted, value_of
from workbench.app.pages.request_user import request_user
from workbench.client.access import User
from workbench.client.deployment import Deployment
from workbench.client.submit import job_request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Pipeline


def connect_fill_buttons(deployment: Deployment, form: Form) -> None:
    """Connect the buttons. Every click starts a new job with the parameters of the form."""
    for fill_button in form.fields.fill_buttons:
        _connect(deployment, form, fill_button)


def _connect(deployment: Deployment, form: Form, fill_button: FillButton) -> None:
    target = _field(form.fields, fill_button.target.name)
    filled_by = fill_button.target.form.filled_by
    assert filled_by is not None
    helper = find_pipeline(filled_by.pipeline)
    sources = {name: _field(form.fields, source) for name, source in filled_by.takes.items()}
    inputs = {target.component, form.parameters, form.consent, *(source.component for source in sources.values())}
    choice = form.fields.choice_of(fill_button.target)

    def start(values: Values, request: gr.Request) -> Any:
        try:
            job = _fill(deployment, helper, sources, values, form, request_user(request))
        except WorkbenchError as error:
            return {"error": error.info().model_dump(mode="json")}
        node, output = helper.result or ("", "")
        # A present text is not replaced automatically. The page offers the result instead.
        present = (values[target.component] or "").strip()
        return {**job, "node": node, "output": output, "present": present, "field": target.elem_id}

    def filled(result: Any) -> dict[Any, Any]:
        if not (isinstance(result, dict) and "text" in result):
            return {}
        updates: dict[Any, Any] = {target.component: result["text"]}
        if choice is not None and (label := choice.label_of(fill_button.target.name)):
            updates |= {choice.radio: label, **choice.shown(label)}
        return updates

    shown = [target.component, *((choice.radio, *choice.columns.values()) if choice else ())]
    fill_button.button.click(start, inputs, fill_button.task, api_visibility="private", show_progress="hidden")
    fill_button.task.change(filled, fill_button.task, shown, api_visibility="private", show_progress="hidden")


def _fill(
    deployment: Deployment, helper: Pipeline, sources: dict[str, Field], values: Values, form: Form, user: User
) -> dict[str, Any]:
    """Submit the pipeline that fills the input."""
    options: dict[str, Any] = {}
    for name, source in sources.items():
        value = value_of(source, values)
        if not value:
            raise WorkbenchError(
                "request.invalid",
                f"the {source.one.title.lower()} is missing",
                where=source.one.name,
                seen="nothing",
                remedy=f"Provide the {source.one.title.lower()} first.",
            )
        options[name] = value
    parameters = values[form.parameters]
    set_ = parameters.get("params", {}) if isinstance(parameters, dict) else {}
    return submitted(
        deployment,
        job_request(
            pipeline=helper.name,
            options={**options, "seed": secrets.randbelow(2**31)},
            params={step.id: set_[step.id] for step in helper.steps if set_.get(step.id)},
            experiment="drafts",
            consent=form.consent_of(values),
        ),
        user,
    )


def _field(fields: Fields, name: str) -> Field:
    return next(made for made in fields.made.values() if made.one.name == name)
