"""A pipeline as a form: made of the models of its nodes, so a new parameter is there by existing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from nodes.manifest import params_schema
from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.pipeline import InputUse
from workbench.notebook.display import HIDDEN_PICTURES, show
from workbench.notebook.given import params_by_node
from workbench.notebook.tables import html_table
from workbench.notebook.widgets.fields import CONTROL_WIDTH, LABEL_WIDTH, Field, Problem
from workbench.notebook.widgets.file_field import FileField
from workbench.notebook.widgets.liveness import Liveness
from workbench.pipelines.sdk import Pipeline, Step

if TYPE_CHECKING:
    from workbench.notebook.job import Job
    from workbench.notebook.workbench import Workbench


class JobForm(w.VBox):  # type: ignore[misc]
    """Fill it in and press the button; the job shows itself below.

    Attributes:
        job: the one that was submitted last, or None.
    """

    def __init__(self, workbench: Workbench, pipeline: Pipeline, *, experiment: str = "workbench") -> None:
        self._workbench = workbench
        self.pipeline = pipeline
        self.job: Job | None = None
        self.files: dict[str, FileField] = {}
        self.texts: dict[str, Any] = {}
        self.fields: dict[str, dict[str, Field]] = {}  # node -> parameter
        self.steps: dict[str, Any] = {}  # optional node -> its tick
        self._beside: dict[str, Problem] = {}  # option -> what is wrong with it
        self.switches: dict[str, Any] = {}
        self.seed = w.BoundedIntText(min=0, max=2**53, tooltip="The same seed gives the same job again")
        self.experiment = w.Text(experiment, tooltip="Where the run is recorded")
        self.submit = w.Button(description="Run", icon="play", button_style="primary", tooltip="Submit the job")
        self.submit.on_click(lambda _: self._submit())
        self.said = Problem()
        self.shown = w.VBox()
        rules = (Path(__file__).parent / "form.css").read_text(encoding="utf-8")
        style = w.HTML(f"<style>{HIDDEN_PICTURES}\n{rules}</style>")
        title = w.HTML(f"<h3>{html.escape(pipeline.title)}</h3><p>{html.escape(pipeline.doc)}</p>")
        super().__init__(
            [style, title, Liveness(), *self._inputs(), *self._usual(), self._parameters(), self._bottom(), self.shown]
        )
        self.add_class("wb-form")

    # -- what is asked for --------------------------------------------------------------------------------------------

    def _inputs(self) -> Iterator[Any]:
        for name, one in self.pipeline.inputs.items():
            title = one.title + (f" <small>{_USE_WORDS[one.use]}</small>" if one.use in _USE_WORDS else "")
            if one.kind.is_file:
                file = self.files[name] = FileField(name, one.kind.value, title, one.doc)
                self._beside[name] = file.problem
                yield file.widget
            elif one.kind == "text":
                text = self.texts[name] = w.Textarea(rows=3, placeholder=one.doc, tooltip=one.doc)
                yield self._row(title, text, name)
            elif one.kind == "switch":
                tick = self.switches[name] = w.Checkbox(description=one.title, indent=False)
                yield self._row("", tick, name)

    def _usual(self) -> Iterator[Any]:
        yield self._row("Seed", self.seed, "seed")
        yield self._row("Experiment", self.experiment, "experiment")

    def _row(self, title: str, control: Any, option: str) -> Any:
        problem = self._beside[option] = Problem()
        control.layout = w.Layout(width=CONTROL_WIDTH)
        head = w.HTML(f"<span>{title}</span>", layout=w.Layout(width=LABEL_WIDTH))
        return w.HBox([head, control, problem.widget])

    def _parameters(self) -> Any:
        """One fold with the parameters of every node; what is less usual is behind another one in it."""
        sections = [section for step in self.pipeline.steps if (section := self._section(step)) is not None]
        return w.Accordion(children=[w.VBox(sections)], titles=["Parameters"], selected_index=None)

    def _section(self, step: Step) -> Any:
        declaration = services().get(step.service)
        if declaration is None:
            return None
        schema = params_schema(declaration)
        properties = {
            k: _resolved(v, schema) for k, v in schema.get("properties", {}).items() if k not in step.from_inputs
        }
        fields = {name: Field(name, one, declaration.params) for name, one in properties.items()}
        rows = [fields[name].widget for name, one in properties.items() if not one.get("advanced")]
        folded = [fields[name].widget for name, one in properties.items() if one.get("advanced")]
        if folded:
            rows.append(w.Accordion(children=[w.VBox(folded)], titles=["Advanced"], selected_index=None))
        if step.optional:
            tick = self.steps[step.id] = w.Checkbox(True, description="Do this step", indent=False)
            rows.insert(0, tick)
        self.fields[step.id] = fields
        return w.VBox([w.HTML(f"<h4>{html.escape(step.name)}</h4>"), *rows]) if rows else None

    def _bottom(self) -> Any:
        return w.HBox([self.submit, self.said.widget])

    # -- what was given -----------------------------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """What differs from the defaults, by node."""
        without = self.without
        changed = {
            node: {name: field.value for name, field in fields.items() if field.changed}
            for node, fields in self.fields.items()
            if node not in without
        }
        return {node: values for node, values in changed.items() if values}

    @property
    def without(self) -> list[str]:
        """The optional nodes that are left out."""
        return [node for node, tick in self.steps.items() if not tick.value]

    def set(self, params: Mapping[str, Mapping[str, Any]]) -> JobForm:
        """Fill parameters in, by node; returns itself. Raises WorkbenchError for one that there is not."""
        known = {f"{node}.{name}": field for node, fields in self.fields.items() for name, field in fields.items()}
        by_node = params_by_node(params, self.pipeline.name)
        given = {f"{node}.{name}": value for node, values in by_node.items() for name, value in values.items()}
        for name in given:
            if name not in known:
                raise WorkbenchError(
                    "graph.bad_param",
                    f"the form has no parameter {name}",
                    where=self.pipeline.name,
                    seen=name,
                    allowed=get_close_matches(name, known, n=3) or sorted(known),
                    remedy="Correct the name.",
                )
        for name, value in given.items():
            known[name].set(value)
        return self

    def run(self) -> Job:
        """Submit what the form says. Raises WorkbenchError; then nothing was queued."""
        given: dict[str, Any] = {name: text.value.strip() for name, text in self.texts.items() if text.value.strip()}
        given |= {name: True for name, tick in self.switches.items() if tick.value}
        for name, file in self.files.items():
            try:
                ref = file.ref(self._workbench)
            except WorkbenchError as error:
                error.where = f"{self.pipeline.name}: {name}"
                raise
            if ref is not None:
                given[name] = ref
        return self._workbench.run(
            self.pipeline.name,
            **given,
            params=self.params,
            without=self.without,
            seed=self.seed.value,
            experiment=self.experiment.value.strip() or "workbench",
        )

    def _submit(self) -> None:
        for problem in (self.said, *self._beside.values()):
            problem.say("")
        every = [field for node, fields in self.fields.items() if node not in self.without for field in fields.values()]
        wrong = [field for field in every if not field.check()]
        if wrong:
            self.said.say(f"{len(wrong)} of the parameters cannot be used: see there")
            return
        self.submit.disabled = True
        try:
            self.job = self.run()
        except WorkbenchError as error:
            self._refused(error)
            return
        finally:
            self.submit.disabled = False
        for old in self.shown.children:
            old.close()
        self.shown.children = (self.job.monitor(),)

    def _refused(self, error: WorkbenchError) -> None:
        """Say it beside the field that it names, else beside the button."""
        place = error.where or ""
        node, _, param = place.removeprefix("node ").partition(": params.")
        field = self.fields.get(node, {}).get(param.partition(".")[0])
        options = [name for name in self._beside if name in place.rpartition(": ")[2].replace(",", " ").split()]
        beside = field.problem if field else self._beside[options[0]] if options else self.said
        beside.say(error.message, error.remedy or "")
        if beside is not self.said:
            self.said.say("it was not submitted: see above")

    def __repr__(self) -> str:
        return f"<JobForm {self.pipeline.name}{f' {self.job.id}' if self.job else ''}>"

    def picture(self) -> str:
        """Its parameters as a table."""
        rows = [
            {"node": node, "parameter": name, "value": str(field.value)}
            for node, fields in self.fields.items()
            for name, field in fields.items()
        ]
        return f"<h3>{html.escape(self.pipeline.title)}</h3>{html_table(rows)}"

    def words(self) -> str:
        """It in a line."""
        return repr(self)

    def _ipython_display_(self) -> None:
        show(self)


_USE_WORDS = {InputUse.ONE_OF: "one of these", InputUse.OPTIONAL: "if you like"}


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands elsewhere in the document, with what is said here."""
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return {**whole["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}} if name else schema
