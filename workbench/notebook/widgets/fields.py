"""One field of a form: a control made of the JSON Schema of a parameter, its label, its problem beside it."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable
from typing import Any

import ipywidgets as w
from pydantic import BaseModel, ValidationError

from schemas.problem import problems_of

LABEL_WIDTH, CONTROL_WIDTH = "190px", "330px"
LONG_TEXT = 200  # characters from which a text has several lines
MARK = "●"
_UNITS = {"ms": "ms", "s": "s", "hz": "Hz", "px": "px", "db": "dB", "mib": "MiB", "gib": "GiB"}
_UNIT_AT_END = re.compile(rf"_({'|'.join(_UNITS)})$")


class Field:
    """A parameter of a node.

    Args:
        changed: called after every change that a person makes.
    """

    def __init__(
        self, name: str, schema: dict[str, Any], model: type[BaseModel], changed: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self._model = model
        self.default = schema.get("default")
        self.control, self._read, self._write = _control(schema)
        self._write(self.default)
        self.control.layout = w.Layout(width=CONTROL_WIDTH)
        self._told = changed
        self._label = w.HTML(layout=w.Layout(width=LABEL_WIDTH))
        self._title = label(name, schema)
        self._help = str(schema.get("description", ""))
        self.control.tooltip = self._help
        self._reset = w.Button(
            icon="undo", tooltip=f"Back to {json.dumps(self.default)}", layout=w.Layout(width="32px")
        )
        self._reset.add_class("wb-form-reset")
        self._reset.on_click(lambda _: self._write(self.default))
        self.problem = Problem()
        self.widget = w.HBox([self._label, self.control, self._reset, self.problem.widget])
        self.control.observe(self._changed, "value")
        self._mark()

    @property
    def value(self) -> Any:
        """What is set. Raises ValueError for a text that is no JSON where one is needed."""
        return self._read()

    @property
    def changed(self) -> bool:
        """Whether it is something else than the default."""
        try:
            return bool(self.value != self.default)
        except ValueError:
            return True

    def set(self, value: Any) -> None:
        """Show another value."""
        self._write(value)

    def check(self) -> bool:
        """Whether the node's model takes the value; what is wrong stands beside it."""
        try:
            value = self.value
        except ValueError as error:
            self.problem.say(f"This is not JSON: {error}")
            return False
        try:
            self._model.model_validate({self.name: value})
        except ValidationError as error:
            wrong = [problem.text for problem in problems_of(error) if problem.field == self.name]
            if wrong:
                self.problem.say(wrong[0])
                return False
        self.problem.say("")
        return True

    def _changed(self, _: Any) -> None:
        self.check()
        self._mark()
        self._told()

    def _mark(self) -> None:
        mark = f'<span class="wb-form-mark" title="changed">{MARK}</span> ' if self.changed else ""
        self._label.value = f'{mark}<span title="{html.escape(self._help, quote=True)}">{self._title}</span>'
        self._reset.layout.visibility = "visible" if self.changed else "hidden"


class Problem:
    """A line of what is wrong, beside a field or below a form; nothing where nothing is."""

    def __init__(self) -> None:
        self.widget = w.HTML()
        self.widget.add_class("wb-form-problem")
        self.text = ""

    def say(self, text: str, remedy: str = "") -> None:
        """Say what is wrong, "" where nothing is."""
        self.text = text
        more = f" <small>{html.escape(remedy)}</small>" if remedy and text else ""
        self.widget.value = (
            f'<span role="alert">{html.escape(text[:1].upper() + text[1:])}</span>{more}' if text else ""
        )


def label(name: str, schema: dict[str, Any]) -> str:
    """Its name in words with its unit, as HTML."""
    found = _UNIT_AT_END.search(name)
    unit = schema.get("unit") or (_UNITS[found[1]] if found else "")
    words = html.escape((name[: found.start()] if found else name).replace("_", " ").capitalize())
    return f"{words} <small>{html.escape(unit)}</small>" if unit else words


def plain(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema of the one type that it allows beside null, and whether null is allowed."""
    real = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return ({**schema, **real[0]}, True) if len(real) == 1 else (schema, False)


_Control = tuple[Any, Callable[[], Any], Callable[[Any], None]]  # the widget, how to read it, how to write it


def _control(given: dict[str, Any]) -> _Control:
    schema, nullable = plain(given)
    low, high = schema.get("minimum"), schema.get("maximum")
    kind = schema.get("type")
    if nullable:
        return _json(None)
    if "enum" in schema:
        return _simple(w.Dropdown(options=[(str(one) or "—", one) for one in schema["enum"]]))
    if kind == "boolean":
        return _simple(w.Checkbox(indent=False))
    if kind == "integer":
        least, most = (-(2**53) if low is None else low), (2**53 if high is None else high)
        return _simple(w.BoundedIntText(min=least, max=most, step=schema.get("multipleOf", 1)))
    if kind == "number" and low is not None and high is not None:
        places = max(0, 2 - math.floor(math.log10(high - low)))
        step = schema.get("multipleOf") or 10.0**-places
        return _simple(w.FloatSlider(min=low, max=high, step=step, readout_format=f".{places}f"))
    if kind == "number":
        return _simple(w.FloatText())
    if kind == "string":
        long = schema.get("maxLength", 0) > LONG_TEXT
        return _simple(w.Textarea(rows=3) if long else w.Text())
    return _json(w.Textarea(rows=2))


def _simple(control: Any) -> _Control:
    def write(value: Any) -> None:
        if value is not None:
            control.value = value

    return control, lambda: control.value, write


def _json(control: Any) -> _Control:
    """For what has no control of its own: lists, mappings, and values that may be missing. Empty is null."""
    control = control or w.Text(placeholder="none")

    def write(value: Any) -> None:
        control.value = "" if value is None else json.dumps(value)

    return control, lambda: json.loads(control.value) if control.value.strip() else None, write
