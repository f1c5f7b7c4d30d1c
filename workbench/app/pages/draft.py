"""Restores the draft of the form, which the browser keeps (``web/draft.js``).

The key in the browser's storage names the user and the home, so that a browser shows a draft only to the user who wrote
it. The draft comes from outside, so it is read like a request. It never holds a consent.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import WorkbenchError
from schemas.pipeline import InputKind
from workbench.app.pages.form import Form
from workbench.app.pages.intake import take_again
from workbench.app.pages.prefill import with_file_inputs
from workbench.client.access import User
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import listed

Updates = dict[Any, Any]


class KeptFile(BaseModel):
    """A stored file of the draft."""

    model_config = ConfigDict(extra="ignore")
    sha256: str = Field(max_length=64)
    name: str = Field("", max_length=300)


class Draft(BaseModel):
    """What ``web/draft.js`` keeps: the values of fields by the id of their element."""

    model_config = ConfigDict(extra="ignore")
    pipeline: str = Field(max_length=200)
    texts: dict[str, str] = Field(default_factory=dict)
    checks: dict[str, bool] = Field(default_factory=dict)
    choices: dict[str, str] = Field(default_factory=dict)
    files: dict[str, KeptFile] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)


def draft_key(deployment: Deployment, user: User) -> str:
    """Tells users and homes apart in one browser, without telling their names."""
    text = f"{deployment.settings.home}\0{deployment.settings.namespace}\0{user.name}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def restored(deployment: Deployment, form: Form, value: Any, user: User) -> tuple[Updates, list[str]]:
    """(updates that fill in the draft, names of its files that are no longer stored). A draft that cannot be read, such
    as that of another version, changes nothing."""
    try:
        draft = Draft.model_validate(value.get("draft") if isinstance(value, dict) else None)
    except ValidationError:
        return {}, []
    updates: Updates = {}
    lost: list[str] = []
    for made in form.fields.made.values():
        if made.one.kind.is_file:
            kept = draft.files.get(made.one.name)
            if kept is None:
                continue
            try:
                updates[made.component] = take_again(deployment, kept.sha256, made.one.upload_kind, user)
            except WorkbenchError:
                lost.append(f"{made.one.title.lower()} {kept.name}".strip())
        elif made.one.kind is InputKind.SWITCH:
            if made.elem_id in draft.checks:
                updates[made.component] = draft.checks[made.elem_id]
        elif made.elem_id in draft.texts:
            found = _value(made.one.kind, made.one.choices, draft.texts[made.elem_id], made.one.bound("max_length"))
            if found is not None:
                updates[made.component] = found
    for choice in form.fields.choices:
        chosen = draft.choices.get(str(choice.radio.elem_id))
        if chosen in choice.names:
            updates[choice.radio] = chosen
    if (seed := _value(InputKind.INTEGER, (), draft.texts.get("field-seed", ""), None)) is not None:
        updates[form.seed] = seed
    if "lock" in draft.checks:
        updates[form.lock] = draft.checks["lock"]
    if experiment := draft.texts.get("field-experiment", "").strip():
        updates[form.experiment] = experiment
    if draft.pipeline in {pipeline.name for pipeline in listed()}:
        own = {name: draft.parameters.get(name) for name in ("params", "leaveOut")}
        if isinstance(own["params"], dict) and isinstance(own["leaveOut"], list):
            updates[form.parameters] = {"pipeline": draft.pipeline, **own, "fill": True}
    return with_file_inputs(form, updates), lost


def _value(kind: InputKind, choices: Any, text: str, longest: Any) -> Any:
    """The value of a field with this text; None if the field cannot have it."""
    if kind is InputKind.TEXT:
        return text[:longest] if isinstance(longest, int) else text
    if choices:
        return text if text in choices else None
    try:
        return int(text) if kind is InputKind.INTEGER else float(text)
    except ValueError:
        return None
