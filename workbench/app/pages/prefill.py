"""Fills the form from an earlier job or an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from pydantic.alias_generators import to_camel

from schemas.errors import WorkbenchError
from workbench.app.pages.fields import empty
from workbench.app.pages.form import Form
from workbench.app.pages.intake import take_again, take_sample
from workbench.client.access import User, visible
from workbench.client.deployment import Deployment
from workbench.client.submit import pipeline_request
from workbench.pipelines.registry import find_pipeline, listed
from workbench.pipelines.sdk import Example, Pipeline

Updates = dict[Any, Any]


def from_job(deployment: Deployment, form: Form, job_id: str, user: User) -> Updates:
    """Updates that fill the form with the request of a job and load its input files again. Raises WorkbenchError."""
    record = visible(user, deployment.job(job_id))
    asked = pipeline_request(record.graph)
    if asked is None:
        raise WorkbenchError(
            "pipeline.bad_option",
            f"job {job_id} was submitted as a graph, not as a pipeline",
            where=job_id,
            remedy="Run it again on the page Runs, or submit a changed graph.",
        )
    options = asked["options"]
    pipeline = find_pipeline(asked["pipeline"])
    given = {name: options[to_camel(name)] for name in pipeline.inputs if to_camel(name) in options}
    leave_out = options.get("leaveOut", [])
    return {
        **_filled(deployment, form, pipeline, given, asked.get("params", {}), leave_out, user),
        form.seed: options.get("seed", 0),
        form.experiment: record.experiment,
    }


def examples() -> list[tuple[Pipeline, Example]]:
    """The examples that the listed pipelines declare, in their order."""
    return [(pipeline, example) for pipeline in listed() for example in pipeline.examples]


def from_example(deployment: Deployment, form: Form, number: int, user: User) -> Updates:
    """Updates that fill the form with an example."""
    pipeline, example = examples()[number]
    return _filled(deployment, form, pipeline, example.inputs, example.params, [], user)


def _filled(
    deployment: Deployment,
    form: Form,
    pipeline: Pipeline,
    given: Mapping[str, Any],
    params: Mapping[str, Any],
    leave_out: list[str],
    user: User,
) -> Updates:
    """Updates that set every given field and empty all others."""
    updates: Updates = {form.pipeline: pipeline.name}
    own = form.fields.of(pipeline)
    for made in form.fields.made.values():
        value = given.get(made.one.name) if own.get(made.one.name) is made else None
        if not made.one.kind.is_file:
            updates[made.component] = empty(made.one) if value is None else value
        elif value == "sample":
            updates[made.component] = take_sample(deployment, user)
        else:
            updates[made.component] = take_again(deployment, value, made.one.upload_kind, user)
        choice = form.fields.choice_of(made.one)
        if value is not None and choice is not None:
            updates[choice.radio] = choice.label_of(made.one.name)
    shown = {"pipeline": pipeline.name, "params": dict(params), "leaveOut": leave_out, "fill": True}
    return {**updates, form.parameters: shown}


def with_file_inputs(form: Form, updates: Updates) -> Updates:
    """The updates, extended to hide the Gradio component and the sample button of each filled file input."""
    for one in form.fields.file_inputs():
        if one.taken in updates:
            is_empty = not (isinstance(updates[one.taken], dict) and "ref" in updates[one.taken])
            updates[one.source] = gr.update(visible=is_empty)
            if one.sample is not None:
                updates[one.sample] = gr.update(visible=is_empty)
    return updates
