"""What is said: a prompt for a model, a text of one's own, or a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.asking import asking
from workbench.app.pages.capture import Capture, capture
from workbench.app.pages.island import Island, island
from workbench.app.pages.orders import draft, transcribe
from workbench.client.bench import Bench

PROMPT, SCRIPT, RECORDING = "Write it for me", "My own text", "My recording"
SAYS = (PROMPT, SCRIPT, RECORDING)


@dataclass(frozen=True)
class Words:
    """The components of what is said."""

    says: gr.Radio
    prompt: gr.Textbox
    approve: gr.Checkbox
    script: gr.Textbox
    recording: Capture
    drafting: gr.Button
    task: Island  # the draft
    groups: tuple[gr.Column, gr.Column, gr.Column]  # shown by what says says


def words(bench: Bench) -> Words:
    """Components and their events."""
    says = gr.Radio(SAYS, value=PROMPT, label="What is said", elem_id="field-says")
    with gr.Column(elem_classes="wb-plain") as by_prompt:
        prompt = gr.Textbox(
            label="Prompt",
            placeholder="Explain in three short sentences why the sky is blue.",
            lines=3,
            max_length=4000,
            elem_id="field-prompt",
        )
        with gr.Row(equal_height=True):
            drafting = gr.Button("Draft it now", size="sm", min_width=120, elem_id="draft")
            approve = gr.Checkbox(
                label="Approve the script before rendering",
                min_width=240,
                elem_id="field-approve",
            )
        task = island("task", elem_id="draft-task", label="Draft")
    with gr.Column(elem_classes="wb-plain", visible=False) as by_script:
        script = gr.Textbox(
            label="Script",
            placeholder="Good morning. This is spoken as it stands here.",
            lines=6,
            max_length=20_000,
            elem_id="field-script",
        )
    with gr.Column(elem_classes="wb-plain", visible=False) as by_recording:
        recording = capture(bench, "audio", "Recording", "audio")
    groups = (by_prompt, by_script, by_recording)

    says.change(show, says, list(groups), api_visibility="private", show_progress="hidden")

    def drafted(result: Any) -> tuple[Any, ...]:
        if not (isinstance(result, dict) and "text" in result):
            return (gr.skip(),) * 5
        return (SCRIPT, result["text"], *show(SCRIPT))

    task.change(drafted, task, [says, script, *groups], api_visibility="private", show_progress="hidden")
    return Words(says, prompt, approve, script, recording, drafting, task, groups)


def drafter(bench: Bench, said: Words, parameters: Island) -> None:
    """What the button for a draft does: the script's settings of the form count, and every press is a new try."""

    def start(prompt: str | None, script: str | None, settings: Any, request: gr.Request) -> Any:
        params = settings.get("params", {}) if isinstance(settings, dict) else {}
        try:
            ordered = draft(bench, prompt or "", asking(request), params.get("script", {}))
        except WorkbenchError as error:
            return {"error": error.info().model_dump(mode="json")}
        return {**ordered, "node": "script", "output": "narration", **_present(script, "field-script")}

    inputs = [said.prompt, said.script, parameters]
    said.drafting.click(start, inputs, said.task, api_visibility="private", show_progress="hidden")


def _present(text: str | None, field: str) -> dict[str, str]:
    """What a result would take the place of: it is offered then, and not put there by itself."""
    return {"present": (text or "").strip(), "field": field}


def show(says: str) -> tuple[Any, Any, Any]:
    """Only the group that is chosen."""
    return tuple(gr.update(visible=says == one) for one in SAYS)  # type: ignore[return-value]


def transcriber(bench: Bench, sound: Island, text: gr.Textbox) -> gr.Button:
    """A button that has a taken sound written down into ``text``."""
    button = gr.Button("Transcribe it for me", size="sm", elem_id="transcribe")
    task = island("task", elem_id="transcribe-task", label="Transcript")

    def start(taken: Any, present: str | None, request: gr.Request) -> Any:
        try:
            ordered = transcribe(bench, taken, asking(request))
        except WorkbenchError as error:
            return {"error": error.info().model_dump(mode="json")}
        return {**ordered, "node": "transcribe", "output": "text", **_present(present, "field-ref-text")}

    button.click(start, [sound, text], task, api_visibility="private", show_progress="hidden")
    task.change(
        lambda result: result["text"] if isinstance(result, dict) and "text" in result else gr.skip(),
        task,
        text,
        api_visibility="private",
        show_progress="hidden",
    )
    return button
