"""What happens on the page Generate when something is pressed, chosen or opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.asking import asking
from workbench.app.pages.capture import Capture
from workbench.app.pages.fields import doc_of, takes, used_by
from workbench.app.pages.form import Form, Values, beside, new_seed, submitted
from workbench.app.pages.island import Island
from workbench.app.pages.prefill import examples, from_example, from_job, with_captures
from workbench.client.deployment import Deployment
from workbench.client.describe import experiments
from workbench.client.forecast import forecast_request
from workbench.pipelines.registry import FIRST, find_pipeline
from workbench.pipelines.sdk import Pipeline

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Page:
    """The components that take part."""

    deployment: Deployment
    demo: gr.Blocks
    form: Form
    monitor: Island
    welcome: Island
    problems: Island
    estimate: Island
    generate: gr.Button

    def everything(self) -> list[Any]:
        """Every component that an event may change."""
        fields = self.form.fields
        captures = [part for one in fields.captures() for part in (one.source, one.sample) if part is not None]
        return [
            *self.form.components(),
            *captures,
            *(column for choice in fields.choices for column in choice.columns.values()),
            *(part for fold in fields.folds for part in (fold.accordion, fold.note)),
            *(filling.button for filling in fields.fillings),
            self.monitor,
            self.welcome,
            self.problems,
            self.estimate,
        ]


def wire(page: Page) -> None:
    """Connect the events. Those of the page itself are no part of the HTTP API."""
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
        return filled(page, from_example(page.deployment, page.form, number, asking(request)))

    def opened(request: gr.Request) -> Updates:
        return at_opening(page, request)

    def estimate(values: Values, request: gr.Request) -> Any:
        return estimated(page, values, request)

    listen(page.generate.click, submit, form.components(), "minimal")
    islands = [form.parameters, *(one.taken for one in form.fields.captures())]
    gr.on(
        [form.pipeline.change, page.demo.load, *(choice.radio.change for choice in form.fields.choices)]
        + [
            made.component.blur if made.one.kind == "text" else made.component.change
            for made in form.fields.made.values()
            if not made.one.kind.is_file
        ]
        + [one.input for one in islands],
        estimate,
        form.components(),
        page.estimate,  # alone: nothing that somebody types into is an output
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    listen(form.pipeline.change, adapt, {form.pipeline, *(choice.radio for choice in form.fields.choices)})
    for one in form.fields.captures():
        _ask_consent_anew(one, form.consent)
    listen(page.welcome.select, take_example, page.welcome)
    listen(page.demo.load, opened, None)


def _ask_consent_anew(capture: Capture, consent: gr.Checkbox) -> None:
    """Consent was given for the people of the files that were there; another file shows somebody else."""

    def taken(path: str | None) -> Any:
        return False if path else gr.skip()

    capture.source.change(taken, capture.source, consent, api_visibility="private", show_progress="hidden")
    others = [capture.taken.clear, capture.taken.select, *([capture.sample.click] if capture.sample else [])]
    for listener in others:
        listener(lambda: False, None, consent, api_visibility="private", show_progress="hidden")


def generated(page: Page, values: Values, request: gr.Request) -> Updates:
    """Submit what the form says; a refusal is shown beside its field, and nothing of the form is lost."""
    form = page.form
    try:
        if not values[form.lock]:
            values = {**values, form.seed: new_seed()}
        job = submitted(page.deployment, form.request(values), asking(request))
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
    """A refusal that no field is to blame for."""
    return [{"field": "", "error": error.info().model_dump(mode="json")}]


def estimated(page: Page, values: Values, request: gr.Request) -> dict[str, Any]:
    """What the form's job would take: ``{seconds, basis}``; empty where it cannot be told now."""
    user = asking(request)
    try:
        answer = forecast_request(
            page.deployment, page.form.so_far(values), reader=None if user.sees_all else user.name
        )
    except WorkbenchError:  # said where the form is submitted
        return {}
    return {"seconds": answer.seconds, "basis": answer.basis}


def adapted(page: Page, pipeline: Pipeline, values: Values) -> Updates:
    """Inputs that the pipeline does not take are disabled, and say which one takes them.

    Args:
        values: of the radios: what is chosen now; the first choice takes its place where the pipeline lacks it.
    """
    fields = page.form.fields
    updates: Updates = {}
    for choice in fields.choices:
        labels, chosen = choice.labels(pipeline), values.get(choice.radio)
        chosen = chosen if chosen in labels or not labels else labels[0]
        members = {one.form.alternative: one for one in fields.inputs.values() if one.form.one_of == choice.title}
        missing = [f"{label}: {used_by(one)}" for label, one in members.items() if label not in labels]
        updates[choice.radio] = gr.update(
            choices=labels, value=chosen, info="; ".join(missing) or None, visible=bool(labels)
        )
        updates |= choice.shown(chosen if labels else None)
    for made in fields.made.values():
        taken = takes(pipeline, made.one)
        if made.capture is not None:
            updates[made.capture.source] = gr.update(interactive=taken)
        elif not made.one.form.one_of:
            info = doc_of(made.one) if taken else used_by(made.one)
            updates[made.component] = gr.update(interactive=taken, info=info)
    for fold in fields.folds:
        taken = takes(pipeline, fold.one)
        note = "" if taken else f"{pipeline.title} takes none. {fold.one.title}: {used_by(fold.one)}."
        updates |= {fold.accordion: gr.update(open=taken), fold.note: note}
    for filling in fields.fillings:
        updates[filling.button] = gr.update(interactive=takes(pipeline, filling.target))
    return updates


def filled(page: Page, updates: Updates) -> Updates:
    """The updates, with everything that follows from them."""
    updates = with_captures(page.form, updates)
    for choice in page.form.fields.choices:
        if choice.radio in updates:
            updates |= choice.shown(updates[choice.radio])
    return {page.problems: [], **updates}


def at_opening(page: Page, request: gr.Request) -> Updates:
    """The page as its address says: ``?job=`` watches, ``?from=`` asks for the same again, ``?pipeline=`` chooses."""
    asked = request.query_params
    user = asking(request)
    known = experiments(page.deployment, user.name, user.sees_all)
    updates: Updates = {page.form.experiment: gr.update(choices=sorted({"workbench", *known}))}
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
    # The cards tell of a choice; the first one nobody makes.
    first = {choice.radio: next(iter(choice.names)) for choice in page.form.fields.choices}
    return together(updates, adapted(page, chosen, {**first, **updates}))


def together(filled_in: Updates, rules: Updates) -> Updates:
    """Both at once: what a component shows by one, and whether and how it may be used by the other."""
    both = {**rules, **filled_in}
    for component in filled_in.keys() & rules.keys():
        given, rule = filled_in[component], rules[component]
        if isinstance(rule, dict):
            shown = given if isinstance(given, dict) and "__type__" in given else {"value": given}
            both[component] = {**shown, **rule}
    return both
