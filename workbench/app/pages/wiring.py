"""What happens on the page Generate when something is pressed, chosen or opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.asking import asking
from workbench.app.pages.capture import Capture
from workbench.app.pages.examples import EXAMPLES
from workbench.app.pages.form import Form, Values, beside, new_seed
from workbench.app.pages.island import Island
from workbench.app.pages.orders import order
from workbench.app.pages.prefill import from_example, from_job, with_captures
from workbench.app.pages.words import PROMPT, RECORDING, SCRIPT, Words, show
from workbench.client.bench import Bench
from workbench.client.describe import experiments, option_uses, users_of_option
from workbench.client.expected import expected_of

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Page:
    """The components that take part."""

    bench: Bench
    demo: gr.Blocks
    form: Form
    captures: tuple[Capture, ...]  # portrait, recording, voice
    words: Words
    voice_fold: gr.Accordion
    voice_note: gr.Markdown
    transcribe: gr.Button
    monitor: Island
    welcome: Island
    problems: Island
    estimate: Island
    generate: gr.Button

    def everything(self) -> list[Any]:
        """Every component that an event may change."""
        sources = [part for one in self.captures for part in (one.source, one.sample) if part is not None]
        return [
            *self.form.components(),
            *sources,
            *self.words.groups,
            self.voice_fold,
            self.voice_note,
            self.transcribe,
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
        return submitted(page, values, request)

    def adapt(values: Values) -> Updates:
        pipeline = values[form.pipeline]
        try:
            return adapted(page, pipeline, values[form.says]) if isinstance(pipeline, str) else {}
        except WorkbenchError as error:
            return {page.problems: beside(error)[0]}

    def take_example(number: Any, request: gr.Request) -> Updates:
        if not (isinstance(number, int) and 0 <= number < len(EXAMPLES)):
            return {}
        return filled(page, from_example(page.bench, page.form, EXAMPLES[number], asking(request)))

    def opened(request: gr.Request) -> Updates:
        return at_opening(page, request)

    def estimate(values: Values, request: gr.Request) -> Any:
        return estimated(page, values, request)

    listen(page.generate.click, submit, form.components(), "minimal")
    islands = [form.parameters, *(one.taken for one in page.captures)]
    gr.on(
        [form.pipeline.change, form.says.change, form.approve.change, form.ref_text.blur, page.demo.load]
        + [one.input for one in islands],
        estimate,
        form.components(),
        page.estimate,  # alone: nothing that somebody types into is an output
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    listen(form.pipeline.change, adapt, {form.pipeline, form.says})
    for one in page.captures:
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


def submitted(page: Page, values: Values, request: gr.Request) -> Updates:
    """Submit what the form says; a refusal is shown beside its field, and nothing of the form is lost."""
    form = page.form
    pipeline = values[form.pipeline]
    try:
        if not values[form.lock]:
            values = {**values, form.seed: new_seed()}
        ordered = order(page.bench, form.request(values, option_uses(pipeline)), asking(request))
    except WorkbenchError as error:
        problems, wrong = beside(error)
        answer: Updates = {page.problems: problems}
        if wrong:
            answer[form.parameters] = {**(values[form.parameters] or {}), "errors": wrong}
        return answer
    return {
        page.monitor: ordered,
        page.problems: [],
        page.welcome: gr.update(visible=False),
        form.seed: values[form.seed],
    }


def estimated(page: Page, values: Values, request: gr.Request) -> dict[str, Any]:
    """What the form's job would take: ``{seconds, basis}``; empty where it cannot be told now."""
    user = asking(request)
    try:
        asked = page.form.so_far(values, option_uses(values[page.form.pipeline]))
        answer = expected_of(page.bench, asked, reader=None if user.sees_all else user.name)
    except WorkbenchError:  # said where the form is submitted
        return {}
    return {"seconds": answer.seconds, "basis": answer.basis}


def adapted(page: Page, pipeline: str, says: str) -> Updates:
    """Inputs that the pipeline does not use are disabled, and say which one uses them.

    Args:
        says: what is chosen now; the first choice takes its place where the pipeline does not have it.

    Raises WorkbenchError: pipeline.unknown.
    """
    uses = option_uses(pipeline)
    ways = ((PROMPT, "prompt"), (SCRIPT, "script"), (RECORDING, "audio"))
    choices = [label for label, name in ways if uses[name] != "unused"]
    missing = [f"{label}: {_used_by(name)}" for label, name in ways if uses[name] == "unused"]
    if says not in choices and choices:
        says = choices[0]
    voice = uses["voice"] != "unused"
    note = "" if voice else f"This pipeline has a voice of its own. A voice sample: {_used_by('voice')}."
    portrait, _, sample = page.captures
    return {
        page.form.says: gr.update(choices=choices, value=says, info="; ".join(missing) or None),
        **dict(zip(page.words.groups, show(says), strict=True)),
        page.form.approve: gr.update(
            interactive=uses["approve"] != "unused",
            info=None if uses["approve"] != "unused" else _used_by("approve"),
        ),
        page.form.ref_text: gr.update(
            interactive=uses["refText"] != "unused",
            info="What the voice sample says, word by word." if uses["refText"] != "unused" else _used_by("ref_text"),
        ),
        portrait.source: gr.update(interactive=uses["portrait"] != "unused"),
        sample.source: gr.update(interactive=voice),
        page.transcribe: gr.update(interactive=voice),
        page.voice_note: note,
        page.voice_fold: gr.update(open=voice),
    }


def _used_by(option: str) -> str:
    """Beside an input that the chosen pipeline does not use."""
    titles = ", ".join(users_of_option(option))
    return f"used by {titles}" if titles else "no pipeline here uses it"


def filled(page: Page, updates: Updates) -> Updates:
    """The updates, with everything that follows from them."""
    captures = {one.taken: (one.source, one.sample) for one in page.captures}
    updates = with_captures(updates, captures)
    if page.form.says in updates:
        updates.update(zip(page.words.groups, show(updates[page.form.says]), strict=True))
    return {page.problems: [], **updates}


def at_opening(page: Page, request: gr.Request) -> Updates:
    """The page as its address says: ``?job=`` watches, ``?from=`` asks for the same again, ``?pipeline=`` chooses."""
    asked = request.query_params
    user = asking(request)
    known = experiments(page.bench, user.name, user.sees_all)
    updates: Updates = {page.form.experiment: gr.update(choices=sorted({"workbench", *known}))}
    if asked.get("job"):
        updates |= {page.monitor: {"jobId": asked["job"]}, page.welcome: gr.update(visible=False)}
    if asked.get("from"):
        try:
            updates |= filled(page, from_job(page.bench, page.form, asked["from"], user))
        except WorkbenchError as error:
            updates[page.problems] = beside(error)[0]
    elif asked.get("pipeline"):
        try:
            option_uses(asked["pipeline"])
            updates[page.form.pipeline] = asked["pipeline"]
        except WorkbenchError as error:
            updates[page.problems] = beside(error)[0]
    # The cards tell of a choice; the first one nobody makes.
    chosen, says = updates.get(page.form.pipeline, "talking_head"), updates.get(page.form.says, PROMPT)
    return together(updates, adapted(page, chosen, says))


def together(filled_in: Updates, rules: Updates) -> Updates:
    """Both at once: what a component shows by one, and whether and how it may be used by the other."""
    both = {**rules, **filled_in}
    for component in filled_in.keys() & rules.keys():
        given, rule = filled_in[component], rules[component]
        if isinstance(rule, dict):
            shown = given if isinstance(given, dict) and "__type__" in given else {"value": given}
            both[component] = {**shown, **rule}
    return both
