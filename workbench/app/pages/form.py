"""The form of the page Generate: converts its values to a job request, and maps errors back to fields."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr

from schemas.api import JobRequest
from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.pipeline import InputUse
from workbench.app.api.jobs import submit_for
from workbench.app.pages.fields import Field, Fields
from workbench.app.pages.js_component import JsComponent
from workbench.client.access import User
from workbench.client.consent import EntryPoint
from workbench.client.deployment import Deployment
from workbench.client.submit import job_request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import InputField, Pipeline
from workbench.pipelines.sdk.building import steps_used

MAX_SEED = 2**53 - 1  # the largest integer that a JavaScript number represents exactly
Values = dict[Any, Any]
_RECORD = "Upload or record one."
_GIVE = {"portraits": "Upload a zip of portraits.", "lora": "Upload one, or choose a trained one by name."}
_PARAM = re.compile(r"node ([^:]+): params\.([A-Za-z0-9_]+)")


@dataclass(frozen=True)
class Form:
    """The fields of the inputs, and the components that all pipelines share."""

    fields: Fields
    pipeline: JsComponent
    parameters: JsComponent
    seed: gr.Number
    lock: gr.Checkbox
    experiment: gr.Dropdown
    consent: gr.Checkbox

    def components(self) -> set[Any]:
        own = (self.pipeline, self.parameters, self.seed, self.lock, self.experiment, self.consent)
        return {*own, *self.fields.components()}

    def request(self, values: Values) -> JobRequest:
        """The job request of the form. Raises WorkbenchError: pipeline.unknown, request.invalid."""
        pipeline = find_pipeline(values[self.pipeline])
        given = self._given(pipeline, values)
        self._check(pipeline, given, values)
        return self._asked(
            pipeline,
            values,
            given,
            {"seed": _seed(values[self.seed])},
            experiment=(values[self.experiment] or "").strip() or "workbench",
            consent=self.consent_of(values),
        )

    def consent_of(self, values: Values) -> Consent | None:
        """The consent that the box gives; None leaves it to the records of the deployment."""
        return Consent(given=True, text=str(self.consent.label)) if values[self.consent] else None

    def so_far(self, values: Values) -> JobRequest:
        """The request of an incomplete form, for an estimate. Raises like ``request``."""
        pipeline = find_pipeline(values[self.pipeline])
        given = self._given(pipeline, values)
        for choice in self.fields.choices:  # assume a text for the chosen alternative if it is still empty
            name = choice.names.get(values[choice.radio]) or ""
            one = pipeline.inputs.get(name)
            if one is not None and one.kind == "text" and not set(one.group) & given.keys():
                given[name] = "-"
        return self._asked(pipeline, values, given, {})

    def _given(self, pipeline: Pipeline, values: Values) -> dict[str, Any]:
        """The values of the pipeline's inputs. From a group, only the chosen input and the inputs that need it."""
        given = {}
        for name, made in self.fields.of(pipeline).items():
            head = pipeline.inputs[(made.one.form.needs or (name,))[0]]
            choice = self.fields.choice_of(head)
            value = value_of(made, values)
            if made.one.is_set(value) and (choice is None or choice.names.get(values[choice.radio]) == head.name):
                given[name] = value
        return given

    def _asked(
        self, pipeline: Pipeline, values: Values, given: dict[str, Any], options: dict[str, Any], **recorded: Any
    ) -> JobRequest:
        parameters = values[self.parameters] if isinstance(values[self.parameters], dict) else {}
        leave_out = parameters.get("leaveOut", [])
        params = parameters.get("params", {})
        if params:  # parameters of unused steps remain in the form, but not in the request
            used = steps_used(pipeline, given, leave_out)
            params = {node: own for node, own in params.items() if node in used}
        options = {**given, **options, "leaveOut": leave_out}
        return job_request(pipeline=pipeline.name, options=options, params=params, **recorded)

    def _check(self, pipeline: Pipeline, given: dict[str, Any], values: Values) -> None:
        """Raises WorkbenchError (request.invalid) for the first missing input."""
        for name in pipeline.used_as(InputUse.NEEDED):
            if name not in given:
                raise _missing(pipeline.inputs[name])
        for group in pipeline.groups:
            if not set(group) & given.keys():
                choice = self.fields.choice_of(pipeline.inputs[group[0]])
                chosen = choice.names.get(values[choice.radio] or "") if choice else None
                raise _missing(pipeline.inputs[chosen if chosen in group else group[0]])


def value_of(made: Field, values: Values) -> Any:
    """The value of a field: the digest of a file, a stripped text, or the plain value."""
    value = values[made.component]
    if made.one.kind.is_file:
        ref = value.get("ref") if isinstance(value, dict) else None
        return ref.get("sha256") if isinstance(ref, dict) else None
    return value.strip() if isinstance(value, str) else value


def submitted(deployment: Deployment, request: JobRequest, user: User) -> dict[str, Any]:
    """Submit like POST /api/jobs, and return the value for a JS component. After a WorkbenchError nothing is queued."""
    accepted = submit_for(deployment, user, request, entry=EntryPoint.PAGE)
    return {"jobId": accepted.job, "unserved": list(accepted.unserved)}


def _missing(one: InputField) -> WorkbenchError:
    noun = one.title.lower()
    if one.kind.is_file:
        remedy = f"Upload one, or use the sample {noun}." if one.form.sample else _GIVE.get(one.upload_kind, _RECORD)
    else:
        remedy = "Fill it in, or choose an alternative." if one.group else "Fill it in."
    named = noun if one.upload_kind == "portraits" else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
    verb = "are" if one.upload_kind == "portraits" else "is"
    return WorkbenchError("request.invalid", f"{named} {verb} missing", where=one.name, seen="nothing", remedy=remedy)


def _seed(value: float | None) -> int:
    """The seed. Raises WorkbenchError (request.invalid) if a browser cannot represent it exactly."""
    seed = value or 0
    if seed != int(seed) or not 0 <= seed <= MAX_SEED:
        raise WorkbenchError(
            "request.invalid",
            "a browser cannot represent this seed exactly",
            where="seed",
            seen=f"{seed:.0f}" if seed == int(seed) else seed,
            allowed=f"a whole number from 0 to {MAX_SEED}",
            remedy="Use a smaller seed.",
        )
    return int(seed)


def new_seed() -> int:
    """A random seed that every JSON parser represents exactly."""
    return secrets.randbelow(2**31)


def beside(form: Form, pipeline: str, error: WorkbenchError) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Where the page shows an error: (problems beside fields, errors of parameters)."""
    info = error.info().model_dump(mode="json")
    if error.code.startswith("consent."):
        return [{"field": "field-consent", "error": info}], []
    one = find_pipeline(pipeline)
    found = _PARAM.match(error.where)
    step = next((step for step in one.steps if found and step.id == found[1]), None)
    if found and not (step and found[2] in step.from_inputs):
        return [], [{"node": found[1], "param": found[2], "message": error.message}]
    last = re.split(r"[.:,\s]+", error.where)[-1] if error.where else ""
    fields = form.fields.of(one)
    same_kind = [made for made in fields.values() if made.one.kind == last]  # "node animate: input.image"
    own = {"seed": "field-seed", "experiment": "field-experiment"}
    place = fields[last].elem_id if last in fields else same_kind[0].elem_id if same_kind else own.get(last, "")
    return [{"field": place, "error": info}], []
