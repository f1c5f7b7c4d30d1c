"""Filling the form: from the address, from an earlier job, from an example."""

from __future__ import annotations

from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.examples import Example
from workbench.app.pages.form import Form
from workbench.app.pages.intake import take_again, take_sample
from workbench.app.pages.words import PROMPT, RECORDING, SCRIPT
from workbench.client.access import User, visible
from workbench.client.bench import Bench
from workbench.client.order import asked_for

Updates = dict[Any, Any]


def from_job(bench: Bench, form: Form, job_id: str, user: User) -> Updates:
    """Updates that ask for the same as a job; what it was given is looked up anew. Raises WorkbenchError."""
    record = visible(user, bench.job(job_id))
    asked = asked_for(record.graph)
    if asked is None:
        raise WorkbenchError(
            "pipeline.bad_option",
            f"job {job_id} was submitted as a graph, not by a pipeline",
            where=job_id,
            remedy="Run it again from the page Runs, or submit a changed graph.",
        )
    options = asked["options"]
    says = RECORDING if options.get("audio") else SCRIPT if options.get("script") else PROMPT
    return {
        form.pipeline: asked["pipeline"],
        form.portrait: take_again(bench, options.get("portrait"), "image", user),
        form.audio: take_again(bench, options.get("audio"), "audio", user),
        form.voice: take_again(bench, options.get("voice"), "audio", user),
        form.says: says,
        form.prompt: options.get("prompt", ""),
        form.script: options.get("script", ""),
        form.ref_text: options.get("refText", ""),
        form.approve: options.get("approve", False),
        form.seed: options.get("seed", 0),
        form.experiment: record.experiment,
        form.consent: False,  # it is given for each job anew
        form.parameters: {
            "pipeline": asked["pipeline"],
            "params": asked.get("params", {}),
            "leaveOut": options.get("leaveOut", []),
            "fill": True,
        },
    }


def from_example(bench: Bench, form: Form, example: Example, user: User) -> Updates:
    """Updates for an example; it uses the sample portrait."""
    return {
        form.pipeline: "talking_head",
        form.portrait: take_sample(bench, user),
        form.says: SCRIPT if example.script else PROMPT,
        form.prompt: example.prompt,
        form.script: example.script,
        form.approve: example.approve,
        form.parameters: {"pipeline": "talking_head", "params": example.params, "leaveOut": [], "fill": True},
    }


def with_captures(updates: Updates, captures: dict[Any, tuple[Any, ...]]) -> Updates:
    """Beside a file that was filled in its capture disappears."""
    for taken, (source, button) in captures.items():
        if taken in updates:
            empty = not (isinstance(updates[taken], dict) and "ref" in updates[taken])
            updates[source] = gr.update(visible=empty)
            if button is not None:
                updates[button] = gr.update(visible=empty)
    return updates
