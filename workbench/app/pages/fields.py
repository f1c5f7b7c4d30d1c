"""The inputs of all listed pipelines as fields of the page. Pipelines with the same input share its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from schemas.pipeline import InputKind
from workbench.app.pages.file_input import FileInput, file_input
from workbench.app.pages.js_component import JsComponent, js_component
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import FIRST, find_pipeline, listed
from workbench.pipelines.sdk import InputField, Pipeline

Key = tuple[str, InputKind, str]


@dataclass(frozen=True)
class Field:
    """An input on the page.

    Attributes:
        component: its value is that of the input; for a file, the upload as JSON of schemas.upload.Upload.
        file_input: only for files: the components that receive the file.
    """

    one: InputField
    elem_id: str
    component: Any
    file_input: FileInput | None = None

    @property
    def frame(self) -> Any:
        """The component that contains the whole field; it is hidden while the pipeline does not have the input."""
        return self.file_input.frame if self.file_input is not None else self.component


@dataclass(frozen=True)
class Choice:
    """A group of alternative inputs: a radio, and a column per input that is visible while it is chosen."""

    title: str
    frame: gr.Column  # hidden while the pipeline has no input of the group
    radio: gr.Radio
    columns: dict[str, gr.Column]  # by label, in the order of the radio
    names: dict[str, str]  # label -> input

    def labels(self, pipeline: Pipeline) -> list[str]:
        """The alternatives of a pipeline."""
        return [label for label, name in self.names.items() if name in pipeline.inputs]

    def shown(self, chosen: str | None) -> dict[Any, Any]:
        """Updates that show only the chosen column."""
        return {column: gr.update(visible=label == chosen) for label, column in self.columns.items()}

    def label_of(self, name: str) -> str | None:
        """The label of an input in the radio."""
        return next((label for label, own in self.names.items() if own == name), None)


@dataclass(frozen=True)
class FillButton:
    """A button that lets another pipeline fill an input, and the line that shows the job."""

    target: InputField
    button: gr.Button
    task: JsComponent


@dataclass
class Fields:
    """All fields by key, as created by ``place`` while the page is built."""

    deployment: Deployment
    inputs: dict[Key, InputField]
    made: dict[Key, Field] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    fill_buttons: list[FillButton] = field(default_factory=list)

    @classmethod
    def of_listed(cls, deployment: Deployment) -> Fields:
        """The fields for the inputs of all listed pipelines."""
        inputs: dict[Key, InputField] = {}
        for pipeline in listed():
            for one in pipeline.inputs.values():
                inputs.setdefault(key(one), one)
        return cls(deployment, inputs)

    def of(self, pipeline: Pipeline) -> dict[str, Field]:
        """The fields of a pipeline's inputs by name, without inputs that only unlisted pipelines have."""
        return {n: self.made[key(one)] for n, one in pipeline.inputs.items() if key(one) in self.made}

    def choice_of(self, one: InputField) -> Choice | None:
        """The group of an input."""
        return next((choice for choice in self.choices if choice.title == one.form.one_of), None)

    def components(self) -> list[Any]:
        """The components whose values define a job."""
        return [*(made.component for made in self.made.values()), *(choice.radio for choice in self.choices)]

    def file_inputs(self) -> list[FileInput]:
        return [made.file_input for made in self.made.values() if made.file_input is not None]

    # -- layout -------------------------------------------------------------------------------------------------------

    def place_shared_files(self) -> None:
        """Place the file inputs of the pipeline that a new page shows."""
        for one in self._alone(files=True):
            if taken_first(one):
                self.place(one)

    def place_other_files(self) -> None:
        """Place the file inputs that only other pipelines have."""
        with gr.Row(equal_height=False, elem_classes="wb-values-row"):
            for one in self._alone(files=True):
                if not taken_first(one):
                    self.place(one)

    def place_values(self) -> None:
        """Place texts, switches, numbers and choices without a group."""
        alone = list(self._alone(files=False))
        if alone:
            with gr.Row(equal_height=False, elem_classes="wb-values-row"):
                for one in alone:
                    with gr.Column(min_width=200, elem_classes="wb-plain"):
                        self.place(one)

    def place_groups(self) -> None:
        """Place every group, with a column for each of its inputs."""
        groups: dict[str, list[InputField]] = {}
        for one in self.inputs.values():
            if one.form.one_of:
                groups.setdefault(one.form.one_of, []).append(one)
        for title, members in groups.items():
            names = {one.form.alternative: one.name for one in members}
            columns = {}
            with gr.Column(elem_classes="wb-plain") as frame:
                radio = gr.Radio(list(names), value=next(iter(names)), label=title, elem_id=f"field-{_slug(title)}")
                for one in members:
                    with gr.Column(elem_classes="wb-plain", visible=one is members[0]) as column:
                        self.place(one)
                    columns[one.form.alternative] = column
            choice = Choice(title, frame, radio, columns, names)
            self.choices.append(choice)
            radio.change(choice.shown, radio, list(columns.values()), api_visibility="private", show_progress="hidden")

    def place(self, one: InputField) -> None:
        """Place the field of an input, and below it the fields that need it and the buttons that use it."""
        elem_id = f"field-{_slug(one.name)}"
        if any(made.elem_id == elem_id for made in self.made.values()):  # another pipeline has it with another kind
            elem_id += f"-{len(self.made)}"
        if one.kind.is_file:
            source = file_input(
                self.deployment,
                one.name,
                one.title,
                one.upload_kind,
                elem_id,
                sample=bool(one.form.sample),
                visible=taken_first(one),
            )
            self.made[key(one)] = Field(one, elem_id, source.taken, source)
        else:
            self.made[key(one)] = Field(one, elem_id, _component(one, elem_id))
        below = [other for other in self.inputs.values() if other.form.needs[:1] == (one.name,)]
        switches = [other for other in below if other.kind is InputKind.SWITCH]
        filled = [other for other in self.inputs.values() if _filled_beside(other, one)]
        if switches or filled:
            with gr.Row(equal_height=True):
                buttons = [(other, _button(other)) for other in filled]
                for other in switches:
                    self.place(other)
            self.fill_buttons += [FillButton(other, button, _task(other)) for other, button in buttons]
        for other in below:
            if other not in switches:
                self.place(other)
        if one.form.filled_by is not None and not one.form.one_of:
            self.fill_buttons.append(FillButton(one, _button(one), _task(one)))

    def _alone(self, *, files: bool) -> Iterator[InputField]:
        """Inputs without a group and without a parent input."""
        for one in self.inputs.values():
            if not one.form.one_of and not one.form.needs and one.kind.is_file == files:
                yield one


def key(one: InputField) -> Key:
    """Inputs of different pipelines with the same key share a field."""
    return one.name, one.kind, one.form.one_of


def takes(pipeline: Pipeline, one: InputField) -> bool:
    """Whether a pipeline has this input."""
    return one.name in pipeline.inputs and key(pipeline.inputs[one.name]) == key(one)


def taken_first(one: InputField) -> bool:
    """Whether the pipeline that a new page shows has this input."""
    return takes(find_pipeline(FIRST), one)


def empty(one: InputField) -> Any:
    """The value of an empty field."""
    return "" if one.kind is InputKind.TEXT and one.default is None else one.default


def doc_of(one: InputField) -> str | None:
    """The help text of a field; None if the label is sufficient."""
    if one.form.one_of or one.kind is InputKind.SWITCH:
        return None
    return f"{one.doc} ({one.allowed})" if one.allowed and not one.choices else one.doc


def _component(one: InputField, elem_id: str) -> Any:
    options: dict[str, Any] = {"label": one.title, "elem_id": elem_id, "visible": taken_first(one)}
    match one.kind:
        case InputKind.TEXT:
            return gr.Textbox(
                empty(one),
                info=doc_of(one),
                lines=3 if one.form.multiline else 1,
                max_length=one.bound("max_length"),
                placeholder=one.form.example or None,
                **options,
            )
        case InputKind.SWITCH:
            return gr.Checkbox(bool(one.default), min_width=240, **options)
        case InputKind.CHOICE:
            return gr.Dropdown(list(one.choices), value=one.default, info=doc_of(one), **options)
        case _:  # no bounds here, because Gradio would show a toast; the form shows the error beside the field
            whole = 0 if one.kind is InputKind.INTEGER else None
            return gr.Number(one.default, precision=whole, info=doc_of(one), **options)


def _filled_beside(target: InputField, source: InputField) -> bool:
    """Whether the button belongs beside the source, because the target is in the same group and hidden meanwhile."""
    filled = target.form.filled_by
    return filled is not None and bool(target.form.one_of) and source.name in filled.takes.values()


def _button(target: InputField) -> gr.Button:
    assert target.form.filled_by is not None
    return gr.Button(
        target.form.filled_by.button,
        size="sm",
        min_width=120,
        visible=taken_first(target),
        elem_id=f"fill-{_slug(target.name)}",
    )


def _task(target: InputField) -> JsComponent:
    return js_component("task", elem_id=f"fill-{_slug(target.name)}-task", label=target.title)


def _slug(words: str) -> str:
    return words.lower().replace("_", "-").replace(" ", "-")
