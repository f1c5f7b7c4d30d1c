"""The inputs of a pipeline: fields of a pydantic model, from which forms, options, keywords and schemas are derived."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from nodes.sdk import field_type
from schemas.pipeline import InputKind, InputUse, InputView
from schemas.refs import AudioRef, FileRef, ImageRef, VideoRef


class PipelineInputs(BaseModel):
    """Base class for the inputs of a pipeline. A file is an ImageRef, an AudioRef, a VideoRef or a FileRef."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class FilledBy:
    """A pipeline whose result can fill in the input; a page shows a button for it.

    Attributes:
        takes: {input of that pipeline: input of this one}.
        button: label of the button.
    """

    pipeline: str
    takes: Mapping[str, str]
    button: str


@dataclass(frozen=True)
class _Form:
    """The properties of a field besides its type, bounds, title and description."""

    one_of: str
    alternative: str
    needs: tuple[str, ...]
    multiline: bool
    example: str
    sample: str
    filled_by: FilledBy | None
    holds: str


def Input(
    default: Any = ...,
    *,
    title: str,
    description: str,
    one_of: str = "",
    alternative: str = "",
    needs: tuple[str, ...] = (),
    multiline: bool = False,
    example: str = "",
    sample: str = "",
    filled_by: FilledBy | None = None,
    holds: Literal["", "portraits", "lora"] = "",
    **bounds: Any,
) -> Any:
    """A field of ``PipelineInputs``, used as its default value, or inside its type if several pipelines share the
    input: ``Portrait = Annotated[ImageRef, Input(title="Portrait", …)]``.

    Args:
        default: omitted for a required input.
        title: the label of the field.
        description: one sentence.
        one_of: title of a group of inputs, of which exactly one is given, such as "What is said".
        alternative: name of this input in the choice between them; default: the title.
        needs: other inputs; at least one of them must be given with this one.
        multiline: whether a text may have several lines.
        example: placeholder of an empty field; required for a text with a pattern, which it matches.
        sample: value for a demonstration: a text, or "sample" for the packaged file.
        filled_by: a pipeline that can fill in the input.
        holds: what a FileRef holds: "portraits", a zip of portraits with optional captions; "lora", a LoRA as one
            safetensors file, which can also be given by its name.
        bounds: ge, le, max_length and so on, like those of pydantic's ``Field``.
    """
    field: FieldInfo = Field(default, title=title, description=description, **bounds)
    field.metadata.append(
        _Form(
            one_of, alternative or title, needs, multiline, example, sample, filled_by, holds
        )  # pydantic keeps unknown metadata
    )
    return field


_FILES = {
    ImageRef: InputKind.IMAGE,
    AudioRef: InputKind.AUDIO,
    VideoRef: InputKind.VIDEO,
    FileRef: InputKind.FILE,
}
_VALUES = {bool: InputKind.SWITCH, int: InputKind.INTEGER, float: InputKind.NUMBER, str: InputKind.TEXT}


@dataclass(frozen=True)
class InputField:
    """One declared input of a pipeline."""

    name: str
    field: FieldInfo
    kind: InputKind
    form: _Form
    group: tuple[str, ...]  # the inputs of its one-of group, including itself
    choices: tuple[str, ...]

    @property
    def use(self) -> InputUse:
        if self.group:
            return InputUse.ONE_OF
        return InputUse.NEEDED if self.field.is_required() else InputUse.OPTIONAL

    @property
    def upload_kind(self) -> str:
        """What its file is inspected as: image, audio, video, portraits or lora; "" if it is no file."""
        return self.form.holds or (self.kind.value if self.kind.is_file else "")

    @property
    def title(self) -> str:
        return self.field.title or self.name

    @property
    def doc(self) -> str:
        return self.field.description or ""

    @property
    def default(self) -> Any:
        return None if self.field.is_required() else self.field.get_default(call_default_factory=True)

    def is_set(self, value: object) -> bool:
        """Whether a value is given and differs from the default."""
        return value is not None and (has_content(value) or self.kind is InputKind.SWITCH) and value != self.default

    @property
    def annotation(self) -> Any:
        """The type without ``None``."""
        return field_type(self.field)

    def bound(self, *names: str) -> Any:
        """A bound, such as ``bound("ge")``; None if it has none."""
        return next(
            (v for rule in self.field.metadata for n in names if (v := getattr(rule, n, None)) is not None), None
        )

    @property
    def allowed(self) -> str:
        """Its bounds or choices as a text; "" if it has none."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        low, high = self.bound("ge", "gt"), self.bound("le", "lt")
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"from {low}" if low is not None else f"up to {high}" if high is not None else ""

    def view(self) -> InputView:
        """The description for front ends."""
        return InputView(
            name=self.name,
            title=self.title,
            doc=self.doc,
            kind=self.kind,
            holds=self.form.holds,
            use=self.use,
            group=list(self.group),
            group_title=self.form.one_of,
            alternative=self.form.alternative if self.group else "",
            needs=list(self.form.needs),
            default=self.default,
            minimum=self.bound("ge", "gt"),
            maximum=self.bound("le", "lt"),
            max_length=self.bound("max_length"),
            choices=list(self.choices),
            multiline=self.form.multiline,
            example=self.form.example,
            sample=self.kind.is_file and bool(self.form.sample),
        )


def has_content(value: object) -> bool:
    """Whether a value has content: white space, a switch that is off and None have none."""
    return bool(value.strip()) if isinstance(value, str) else value is not None and value is not False


def fields_of(model: type[PipelineInputs]) -> dict[str, InputField]:
    """The inputs by name, in the order of the model. Raises ValueError with the name of an invalid field."""
    forms = {name: _form(name, field) for name, field in model.model_fields.items()}
    groups: dict[str, list[str]] = {}
    for name, form in forms.items():
        if form.one_of:
            groups.setdefault(form.one_of, []).append(name)
    found = {}
    for name, field in model.model_fields.items():
        kind, choices = _kind(name, field_type(field))
        if (kind is InputKind.FILE) != bool(forms[name].holds):
            raise ValueError(
                f'{name}: exactly the inputs of the type FileRef say what they hold: Input(…, holds="lora")'
            )
        pattern = next((own for rule in field.metadata if (own := getattr(rule, "pattern", None))), None)
        if kind is InputKind.TEXT and pattern and not re.fullmatch(pattern, forms[name].example):
            raise ValueError(f"{name}: a text with a pattern needs an example that matches it")
        group = tuple(groups.get(forms[name].one_of, ()))
        found[name] = InputField(name, field, kind, forms[name], group, choices)
    return found


def _form(name: str, field: FieldInfo) -> _Form:
    form = next((one for one in field.metadata if isinstance(one, _Form)), None)
    if form is None or not field.description:
        raise ValueError(f"{name} is not declared with Input(title=…, description=…)")
    return form


def _kind(name: str, annotation: Any) -> tuple[InputKind, tuple[str, ...]]:
    if typing.get_origin(annotation) is Literal:
        return InputKind.CHOICE, tuple(map(str, typing.get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return InputKind.CHOICE, tuple(str(one.value) for one in annotation)
    kind = (_FILES | _VALUES).get(annotation)
    if kind is None:
        allowed = ", ".join(one.__name__ for one in (*_FILES, *_VALUES))
        raise ValueError(f"{name}: {annotation!r} is not a type for inputs; use {allowed}, Literal or an enum of texts")
    return kind, ()
