"""The components of the page Generate whose values make a job, and how a refusal finds its field again."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from schemas.api import JobRequest
from schemas.errors import WorkbenchError
from workbench.app.pages.island import Island
from workbench.app.pages.orders import consent_of, digest_of, request_of
from workbench.app.pages.words import PROMPT, RECORDING, SCRIPT

MAX_SEED = 2**53 - 1  # what a browser's number keeps exactly
Values = dict[Any, Any]
_PARAM = re.compile(r"node ([^:]+): params\.([A-Za-z0-9_]+)")


@dataclass(frozen=True)
class Form:
    """One component a field."""

    pipeline: Island
    portrait: Island
    says: gr.Radio
    prompt: gr.Textbox
    script: gr.Textbox
    audio: Island
    approve: gr.Checkbox
    voice: Island
    ref_text: gr.Textbox
    parameters: Island
    seed: gr.Number
    lock: gr.Checkbox
    experiment: gr.Dropdown
    consent: gr.Checkbox

    def components(self) -> set[Any]:
        return {getattr(self, field.name) for field in fields(self)}

    def request(self, values: Values, uses: dict[str, str]) -> JobRequest:
        """The job that the form asks for.

        Args:
            uses: how the pipeline uses each option; what it does not use is not sent.

        Raises WorkbenchError: request.invalid.
        """
        used = self._used(values, uses)
        self._check(used, uses, values[self.says])
        people = [values[getattr(self, name)] for name in ("portrait", "audio", "voice") if name in used]
        if any(not one.get("sample") for one in people) and not values[self.consent]:
            raise WorkbenchError(
                "request.invalid",
                "a portrait or voice of a real person needs that person's consent",
                where="consent",
                seen="not ticked",
                allowed=self.consent.label,
                remedy="Tick it when that is true; otherwise take the sample portrait.",
            )
        return self._asked(
            values,
            {**used, "seed": _seed(values[self.seed])},
            experiment=_text(values[self.experiment]) or "workbench",
            consent=consent_of(bool(values[self.consent]), str(self.consent.label)),
        )

    def so_far(self, values: Values, uses: dict[str, str]) -> JobRequest:
        """The same of a form that is not filled in yet, for an estimate. Raises as ``request``."""
        used = self._used(values, uses)
        if not {"prompt", "script", "audio"} & used.keys():  # the chosen way counts before there is a word
            chosen = {PROMPT: "prompt", SCRIPT: "script"}.get(values[self.says])
            used |= {chosen: "-"} if chosen and uses.get(chosen) != "unused" else {}
        return self._asked(values, used)

    def _used(self, values: Values, uses: dict[str, str]) -> dict[str, Any]:
        """The options that are given and that the pipeline uses."""
        says = values[self.says]
        given = {
            "portrait": digest_of(values[self.portrait]),
            "prompt": _text(values[self.prompt]) if says == PROMPT else "",
            "script": _text(values[self.script]) if says == SCRIPT else "",
            "audio": digest_of(values[self.audio]) if says == RECORDING else None,
            "voice": digest_of(values[self.voice]),
            "refText": _text(values[self.ref_text]),
            "approve": bool(values[self.approve]) and says == PROMPT,
        }
        return {name: value for name, value in given.items() if value and uses.get(name) != "unused"}

    def _asked(self, values: Values, options: dict[str, Any], **fields: Any) -> JobRequest:
        parameters = values[self.parameters] if isinstance(values[self.parameters], dict) else {}
        leave_out = parameters.get("leaveOut", [])
        return request_of(
            pipeline=values[self.pipeline],
            options={**options, "leaveOut": leave_out},
            params=settings_sent(parameters.get("params", {}), leave_out, options),
            **fields,
        )

    @staticmethod
    def _check(used: dict[str, Any], uses: dict[str, str], says: str) -> None:
        field = {PROMPT: "prompt", SCRIPT: "script", RECORDING: "audio"}[says]
        words = {"prompt": "a prompt", "script": "a script", "audio": "a recording"}[field]
        needs = [("portrait", "a portrait", "Upload one, paste it, use the webcam, or take the sample portrait.")]
        if uses.get("prompt") != "unused" or uses.get("audio") != "unused":
            needs.append((field, words, "Fill it in, or choose another way to say what is said."))
        for name, what, remedy in needs:
            if uses.get(name) != "unused" and name not in used:
                raise WorkbenchError("request.invalid", f"{what} is missing", where=name, seen="nothing", remedy=remedy)


def settings_sent(params: dict[str, Any], leave_out: list[str], used: dict[str, Any]) -> dict[str, Any]:
    """The settings of the steps that the job will have; the form keeps those of the others.

    Args:
        used: the options that are sent: a recording takes the place of what leads to a speech.
    """
    absent = set(leave_out)
    if "audio" in used:
        absent |= {"script", "review", "speech"}
    if "approve" not in used:
        absent.add("review")
    if "refText" in used:
        absent.add("listen")  # nobody needs to write down what is known
    return {node: settings for node, settings in params.items() if node not in absent}


def _seed(value: float | None) -> int:
    """The seed, as it is shown. Raises WorkbenchError (request.invalid): a browser does not keep it exactly."""
    seed = value or 0
    if seed != int(seed) or not 0 <= seed <= MAX_SEED:
        raise WorkbenchError(
            "request.invalid",
            "a browser does not keep this seed exactly",
            where="seed",
            seen=f"{seed:.0f}" if seed == int(seed) else seed,
            allowed=f"a whole number from 0 to {MAX_SEED}",
            remedy="Take a smaller one.",
        )
    return int(seed)


def _text(value: str | None) -> str:
    """An untouched field is empty or null."""
    return (value or "").strip()


def new_seed() -> int:
    """A seed that every JSON reader keeps exactly."""
    return secrets.randbelow(2**31)


_FIELDS = {
    "portrait": "field-portrait",
    "prompt": "field-prompt",
    "script": "field-script",
    "audio": "field-audio",
    "voice": "field-voice",
    "ref_text": "field-ref-text",
    "refText": "field-ref-text",
    "consent": "field-consent",
    "seed": "field-seed",
    "experiment": "field-experiment",
    "image": "field-portrait",
}


def beside(error: WorkbenchError) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Where a refusal is to be read: (problems beside fields, errors of parameters)."""
    info = error.info().model_dump(mode="json")
    found = _PARAM.match(error.where)
    if found and found[2] not in _FIELDS:
        return [], [{"node": found[1], "param": found[2], "message": error.message}]
    last = re.split(r"[.:\s]+", error.where)[-1] if error.where else ""
    return [{"field": _FIELDS.get(last, ""), "error": info}], []
