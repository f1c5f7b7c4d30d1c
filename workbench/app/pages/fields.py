"""The inputs of every listed pipeline as fields: one for each, shared by the pipelines that take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from schemas.pipeline import InputKind
from workbench.app.pages.capture import Capture, capture
from workbench.app.pages.island import Island, island
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import listed
from workbench.pipelines.sdk import InputField, Pipeline

Key = tuple[str, InputKind, str]


@dataclass(frozen=True)
class Field:
    """An input on the page.

    Attributes:
        component: its value is the input's; for a file what was taken in, as schemas.upload.Upload in JSON.
        capture: of a file: where it comes in.
    """

    one: InputField
    elem_id: str
    component: Any
    capture: Capture | None = None


@dataclass(frozen=True)
class Choice:
    """A group of which one input is given: a radio, and a column for each that is shown while it is chosen."""

    title: str
    radio: gr.Radio
    columns: dict[str, gr.Column]  # by label, in the order of the radio
    names: dict[str, str]  # label -> input

    def labels(self, pipeline: Pipeline) -> list[str]:
        """The alternatives that a pipeline has."""
        return [label for label, name in self.names.items() if name in pipeline.inputs]

    def shown(self, chosen: str | None) -> dict[Any, Any]:
        """Updates: only the column that is chosen."""
        return {column: gr.update(visible=label == chosen) for label, column in self.columns.items()}

    def label_of(self, name: str) -> str | None:
        """What the radio calls an input."""
        return next((label for label, own in self.names.items() if own == name), None)


@dataclass(frozen=True)
class Fold:
    """A file that not every pipeline takes, folded away, with a note of who uses it."""

    one: InputField
    accordion: gr.Accordion
    note: gr.Markdown


@dataclass(frozen=True)
class Filling:
    """A button that has another pipeline fill an input in, and the line that shows its job."""

    target: InputField
    button: gr.Button
    task: Island


@dataclass
class Fields:
    """Every field by its key, as ``place`` made it while the page was built."""

    deployment: Deployment
    inputs: dict[Key, InputField]
    made: dict[Key, Field] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    fillings: list[Filling] = field(default_factory=list)

    @classmethod
    def of_listed(cls, deployment: Deployment) -> Fields:
        """For the inputs of all pipelines that a page offers."""
        inputs: dict[Key, InputField] = {}
        for pipeline in listed():
            for one in pipeline.inputs.values():
                inputs.setdefault(key(one), one)
        return cls(deployment, inputs)

    def of(self, pipeline: Pipeline) -> dict[str, Field]:
        """The fields of a pipeline's inputs, by name; none for an input of a pipeline that is not listed."""
        return {n: self.made[key(one)] for n, one in pipeline.inputs.items() if key(one) in self.made}

    def choice_of(self, one: InputField) -> Choice | None:
        """The group that an input belongs to."""
        return next((choice for choice in self.choices if choice.title == one.form.one_of), None)

    def components(self) -> list[Any]:
        """The components whose values make a job."""
        return [*(made.component for made in self.made.values()), *(choice.radio for choice in self.choices)]

    def captures(self) -> list[Capture]:
        return [made.capture for made in self.made.values() if made.capture is not None]

    # -- where they stand ---------------------------------------------------------------------------------------------

    def place_files(self) -> None:
        """The files that every pipeline takes."""
        for one in self._alone(files=True):
            if self._everywhere(one):
                self.place(one)

    def place_folds(self) -> None:
        """The files that some pipelines take, a panel for each."""
        for one in self._alone(files=True):
            if not self._everywhere(one):
                with (
                    gr.Column(elem_classes="wb-panel"),
                    gr.Accordion(one.title, open=False, elem_id=f"fold-{one.name}") as accordion,
                ):
                    note = gr.Markdown(container=False, elem_classes="wb-note")
                    self.place(one)
                self.folds.append(Fold(one, accordion, note))

    def place_values(self) -> None:
        """Texts, switches, numbers and choices that stand alone."""
        alone = list(self._alone(files=False))
        if alone:
            with gr.Column(elem_classes="wb-panel"), gr.Row(equal_height=False):
                for one in alone:
                    with gr.Column(min_width=200, elem_classes="wb-plain"):
                        self.place(one)

    def place_groups(self) -> None:
        """Every group, with a column for each of its inputs."""
        groups: dict[str, list[InputField]] = {}
        for one in self.inputs.values():
            if one.form.one_of:
                groups.setdefault(one.form.one_of, []).append(one)
        for title, members in groups.items():
            names = {one.form.alternative: one.name for one in members}
            radio = gr.Radio(list(names), value=next(iter(names)), label=title, elem_id=f"field-{_slug(title)}")
            columns = {}
            for one in members:
                with gr.Column(elem_classes="wb-plain", visible=one is members[0]) as column:
                    self.place(one)
                columns[one.form.alternative] = column
            choice = Choice(title, radio, columns, names)
            self.choices.append(choice)
            radio.change(choice.shown, radio, list(columns.values()), api_visibility="private", show_progress="hidden")

    def place(self, one: InputField) -> None:
        """The field of an input, and below it those that need it and what can be filled in from it."""
        elem_id = f"field-{_slug(one.name)}"
        if any(made.elem_id == elem_id for made in self.made.values()):  # of another kind, in another pipeline
            elem_id += f"-{len(self.made)}"
        if one.kind.is_file:
            source = capture(
                self.deployment, one.name, one.title, one.kind.value, elem_id, sample=bool(one.form.sample)
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
            self.fillings += [Filling(other, button, _task(other)) for other, button in buttons]
        for other in below:
            if other not in switches:
                self.place(other)
        if one.form.filled_by is not None and not one.form.one_of:
            self.fillings.append(Filling(one, _button(one), _task(one)))

    def _alone(self, *, files: bool) -> Iterator[InputField]:
        """Inputs in no group and below no other."""
        for one in self.inputs.values():
            if not one.form.one_of and not one.form.needs and one.kind.is_file == files:
                yield one

    def _everywhere(self, one: InputField) -> bool:
        return all(takes(pipeline, one) for pipeline in listed() if pipeline.inputs)


def key(one: InputField) -> Key:
    """What the inputs of two pipelines share to be one field."""
    return one.name, one.kind, one.form.one_of


def takes(pipeline: Pipeline, one: InputField) -> bool:
    """Whether a pipeline has this input."""
    return one.name in pipeline.inputs and key(pipeline.inputs[one.name]) == key(one)


def used_by(one: InputField) -> str:
    """Beside an input that the chosen pipeline does not take."""
    return f"used by {', '.join(pipeline.title for pipeline in listed() if takes(pipeline, one))}"


def empty(one: InputField) -> Any:
    """The value of a field in which nothing is given."""
    return "" if one.kind is InputKind.TEXT and one.default is None else one.default


def doc_of(one: InputField) -> str | None:
    """What a field says below its label: nothing where the label says it all."""
    if one.form.one_of or one.kind is InputKind.SWITCH:
        return None
    return f"{one.doc} ({one.allowed})" if one.allowed and not one.choices else one.doc


def _component(one: InputField, elem_id: str) -> Any:
    options: dict[str, Any] = {"label": one.title, "elem_id": elem_id}
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
        case _:  # no bounds here: Gradio would refuse with a toast, and the form says it beside the field
            whole = 0 if one.kind is InputKind.INTEGER else None
            return gr.Number(one.default, precision=whole, info=doc_of(one), **options)


def _filled_beside(target: InputField, source: InputField) -> bool:
    """Whether the button stands with the source: the target is another input of its group, and hidden meanwhile."""
    filled = target.form.filled_by
    return filled is not None and bool(target.form.one_of) and source.name in filled.takes.values()


def _button(target: InputField) -> gr.Button:
    assert target.form.filled_by is not None
    return gr.Button(target.form.filled_by.button, size="sm", min_width=120, elem_id=f"fill-{_slug(target.name)}")


def _task(target: InputField) -> Island:
    return island("task", elem_id=f"fill-{_slug(target.name)}-task", label=target.title)


def _slug(words: str) -> str:
    return words.lower().replace("_", "-").replace(" ", "-")
