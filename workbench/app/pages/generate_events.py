"""The events of the page Generate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from schemas.consent import ConsentSource
from schemas.errors import WorkbenchError
from workbench.app.pages.draft import draft_key, restored
from workbench.app.pages.fields import takes
from workbench.app.pages.file_input import FileInput
from workbench.app.pages.form import Form, Values, beside, new_seed, submitted
from workbench.app.pages.js_component import JsComponent
from workbench.app.pages.prefill import examples, from_example, from_job, with_file_inputs
from workbench.app.pages.request_user import request_user
from workbench.client.access import User
from workbench.client.consent import day, stated_for_all
from workbench.client.deployment import Deployment
from workbench.client.describe import experiments
from workbench.client.forecast import forecast_request
from workbench.pipelines.registry import FIRST, find_pipeline
from workbench.pipelines.sdk import Pipeline

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Page:
    """The components of the page that events use."""

    deployment: Deployment
    demo: gr.Blocks
    form: Form
    monitor: JsComponent
    welcome: JsComponent
    problems: JsComponent
    estimate: JsComponent
    draft: JsComponent
    generate: gr.Button

    def everything(self) -> list[Any]:
        """All components that an event may change."""
        fields = self.form.fields
        file_inputs = [part for one in fields.file_inputs() for part in (one.source, one.sample) if part is not None]
        return [
            *self.form.components(),
            *file_inputs,
            *(choice.frame for choice in fields.choices),
            *(made.frame for made in fields.made.values() if made.file_input is not None),
            *(fill_button.button for fill_button in fields.fill_buttons),
            self.monitor,
            self.welcome,
            self.problems,
            self.estimate,
            self.draft,
        ]


def connect_events(page: Page) -> None:
    """Connect the events of the page. They are private, not part of the Gradio API."""
    form, outputs = page.form, page.everything()

    def listen(listener: Callable[..., Any], fn: Callable[..., Any], inputs: Any, progress: str = "hidden") -> None:
        listener(fn, inputs, outputs, api_visibility="private", show_progress=progress)

    def submit(values: Values, request: gr.Request) -> Updates:
        return generated(page, values, request)

    def adapt(values: Values) -> Updates:
        try:
            return adapted(page, find_pipeline(str(values[form.pipeline])), values)
        except WorkbenchError as error:
            return {page.problems: _unplaced(error)}

    def take_example(number: Any, request: gr.Request) -> Updates:
        if not (isinstance(number, int) and 0 <= number < len(examples())):
            return {}
        return filled(page, from_example(page.deployment, page.form, number, request_user(request)))

    def take_draft(value: Any, request: gr.Request) -> Updates:
        return with_draft(page, value, request)

    def opened(request: gr.Request) -> Updates:
        return at_opening(page, request)

    def estimate(values: Values, request: gr.Request) -> Any:
        return estimated(page, values, request)

    listen(page.generate.click, submit, form.components(), "minimal")
    components = [form.parameters, *(one.taken for one in form.fields.file_inputs())]
    gr.on(
        [form.pipeline.change, page.demo.load, *(choice.radio.change for choice in form.fields.choices)]
        + [
            made.component.blur if made.one.kind == "text" else made.component.change
            for made in form.fields.made.values()
            if not made.one.kind.is_file
        ]
        + [one.input for one in components]
        + [one.taken.change for one in form.fields.file_inputs()],  # a recording decides how long the job takes
        estimate,
        form.components(),
        page.estimate,  # the only output, so that the event never overwrites a field while the user types
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    listen(form.pipeline.change, adapt, {form.pipeline, *(choice.radio for choice in form.fields.choices)})
    for one in form.fields.file_inputs():
        _reset_consent(one, form.consent)
    listen(page.draft.select, take_draft, page.draft)
    listen(page.welcome.select, take_example, page.welcome)
    listen(page.demo.load, opened, None)


def _reset_consent(file_input: FileInput, consent: gr.Checkbox) -> None:
    """Clear the consent when a file changes, because it was given for the people in the previous files."""

    def taken(path: str | None) -> Any:
        return False if path else gr.skip()

    file_input.source.change(taken, file_input.source, consent, api_visibility="private", show_progress="hidden")
    others = [
        file_input.taken.clear,
        file_input.taken.select,
        *([file_input.sample.click] if file_input.sample else []),
    ]
    for listener in others:
        listener(lambda: False, None, consent, api_visibility="private", show_progress="hidden")


def generated(page: Page, values: Values, request: gr.Request) -> Updates:
    """Submit the form. An error is shown beside its field, and the form keeps its values."""
    form = page.form
    try:
        if not values[form.lock]:
            values = {**values, form.seed: new_seed()}
        job = submitted(page.deployment, form.request(values), request_user(request))
    except WorkbenchError as error:
        if error.code == "pipeline.unknown":
            return {page.problems: _unplaced(error)}
        problems, wrong = beside(form, values[form.pipeline], error)
        answer: Updates = {page.problems: problems}
        if wrong:
            answer[form.parameters] = {**(values[form.parameters] or {}), "errors": wrong}
        return answer
    return {
        page.monitor: job,
        page.problems: [],
        page.welcome: gr.update(visible=False),
        form.seed: values[form.seed],
    }


def _unplaced(error: WorkbenchError) -> list[dict[str, Any]]:
    """A problem without a field."""
    return [{"field": "", "error": error.info().model_dump(mode="json")}]


def estimated(page: Page, values: Values, request: gr.Request) -> dict[str, Any]:
    """The expected duration of the form's job, as ``web/estimate.js`` shows it; empty if there is no estimate now."""
    user = request_user(request)
    try:
        answer = forecast_request(
            page.deployment, page.form.so_far(values), reader=None if user.sees_all else user.name
        )
    except WorkbenchError:  # the submit reports it
        return {}
    return answer.model_dump(mode="json", by_alias=True, include={"seconds", "basis", "length_s", "longest_s"})


def adapted(page: Page, pipeline: Pipeline, values: Values) -> Updates:
    """Show the inputs that the pipeline has, and hide all others; their values stay.

    Args:
        values: the current values of the radios. If the pipeline lacks a value, the first choice replaces it.
    """
    fields = page.form.fields
    updates: Updates = {}
    for choice in fields.choices:
        labels, chosen = choice.labels(pipeline), values.get(choice.radio)
        # A valid choice is not sent back: the user may have changed it meanwhile.
        replaced: dict[str, Any] = {"value": labels[0]} if labels and chosen not in labels else {}
        if labels:  # otherwise it keeps its choices: Gradio refuses every event while the value is not among them
            updates[choice.radio] = gr.update(choices=labels, **replaced)
        updates[choice.frame] = gr.update(visible=bool(labels))
    for made in fields.made.values():
        updates[made.frame] = gr.update(visible=takes(pipeline, made.one))
    for fill_button in fields.fill_buttons:
        updates[fill_button.button] = gr.update(visible=takes(pipeline, fill_button.target))
    return updates


def filled(page: Page, updates: Updates) -> Updates:
    """The updates, extended by all updates that follow from them."""
    return {page.problems: [], **with_file_inputs(page.form, updates)}


def at_opening(page: Page, request: gr.Request) -> Updates:
    """Apply the address: ``?job=`` watches a job, ``?from=`` fills in its inputs, ``?pipeline=`` selects a pipeline."""
    asked = request.query_params
    user = request_user(request)
    known = experiments(page.deployment, user.name, user.sees_all)
    updates: Updates = {
        page.form.experiment: gr.update(choices=sorted({"workbench", *known})),
        # The browser restores its draft, unless the address fills in the form.
        page.draft: {"key": draft_key(page.deployment, user), "fresh": bool(asked.get("from"))},
    }
    if stated := consent_stated(page.deployment, user):
        updates[page.form.consent] = gr.update(info=stated)
    chosen = find_pipeline(FIRST)
    if asked.get("job"):
        updates |= {page.monitor: {"jobId": asked["job"]}, page.welcome: gr.update(visible=False)}
    try:
        if asked.get("from"):
            updates |= filled(page, from_job(page.deployment, page.form, asked["from"], user))
            chosen = find_pipeline(updates[page.form.pipeline])
        elif asked.get("pipeline"):
            chosen = find_pipeline(asked["pipeline"])
            updates[page.form.pipeline] = chosen.name
    except WorkbenchError as error:
        updates[page.problems] = _unplaced(error)
    # The cards only report a choice by the user, so the initial choice is applied here.
    first = {choice.radio: next(iter(choice.names)) for choice in page.form.fields.choices}
    return together(updates, adapted(page, chosen, {**first, **updates}))


def with_draft(page: Page, value: Any, request: gr.Request) -> Updates:
    """Fill in the draft that the browser kept, if the address does not select another pipeline."""
    user = request_user(request)
    updates, lost = restored(page.deployment, page.form, value, user)
    told = {page.draft: {"key": draft_key(page.deployment, user), "lost": lost, "nothing": not updates}}
    if page.form.parameters not in updates:
        return {**updates, **told}
    pipeline = find_pipeline(updates[page.form.parameters]["pipeline"])
    first = {choice.radio: next(iter(choice.names)) for choice in page.form.fields.choices}
    filled_in = {page.form.pipeline: pipeline.name, **updates, **told}
    return together(filled_in, adapted(page, pipeline, {**first, **updates}))


def consent_stated(deployment: Deployment, user: User) -> str:
    """The help below the box of the consent, if the user need not tick it; else empty."""
    try:
        stated = stated_for_all(deployment, user.name)
    except WorkbenchError:  # the submit reports it
        return ""
    if stated is None:
        return ""
    how = "by WORKBENCH_CONSENT" if stated.source is ConsentSource.SETTING else f"on {day(stated.at)}"
    return f"{stated.name} stated this for all files {how}, so you need not tick it."


def together(filled_in: Updates, rules: Updates) -> Updates:
    """Merge updates: ``filled_in`` sets values, ``rules`` set visibility, choices and interactivity."""
    both = {**rules, **filled_in}
    for component in filled_in.keys() & rules.keys():
        given, rule = filled_in[component], rules[component]
        if isinstance(rule, dict):
            shown = given if isinstance(given, dict) and "__type__" in given else {"value": given}
            both[component] = {**shown, **rule}
    return both
