"""A field of a form, from the JSON Schema of a parameter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import ipywidgets
import pytest

from nodes.sdk import Field as Declared
from nodes.sdk import NodeModel
from workbench.notebook.widgets.fields import MARK, Field
from workbench.notebook.widgets.file_field import FileField


class Params(NodeModel):
    size: int = Declared(512, ge=256, le=1024, multiple_of=16, description="Side in pixels.")
    sway: float = Declared(1.0, ge=0, le=2)
    lead_ms: float = Declared(40.0, ge=-200)
    style: Literal["calm", "lively"] = "calm"
    loud: bool = False
    tone: str = Declared("", max_length=100)
    script: str = Declared("", max_length=20_000)
    seeds: list[int] = Declared([1, 2])
    limit: int | None = Declared(None, ge=1)


def field(name: str) -> Field:
    return Field(name, Params.model_json_schema()["properties"][name], Params)


@pytest.mark.parametrize(
    ("name", "control", "value"),
    [
        ("size", ipywidgets.BoundedIntText, 640),
        ("sway", ipywidgets.FloatSlider, 0.5),
        ("lead_ms", ipywidgets.FloatText, -10.0),
        ("style", ipywidgets.Dropdown, "lively"),
        ("loud", ipywidgets.Checkbox, True),
        ("tone", ipywidgets.Text, "warm"),
        ("script", ipywidgets.Textarea, "Hello."),
        ("seeds", ipywidgets.Textarea, [3]),
        ("limit", ipywidgets.Text, 4),
    ],
)
def test_a_parameter_has_the_control_that_fits_and_is_marked_when_changed(name: str, control: type, value: Any) -> None:
    one = field(name)
    assert type(one.control) is control
    assert (one.value, one.changed) == (Params().model_dump()[name], False)
    assert one.check()
    mark = one.widget.children[0]
    assert MARK not in mark.value
    one.set(value)
    assert (one.value, one.changed, one.check()) == (value, True, True)
    assert MARK in mark.value
    one.widget.children[2].click()
    assert not one.changed and MARK not in mark.value


def test_the_model_says_what_is_wrong_beside_the_field() -> None:
    size = field("size")
    size.set(300)
    assert "multiple of 16" in size.problem.text and "multiple of 16" in size.problem.widget.value
    size.set(304)
    assert size.problem.text == size.problem.widget.value == ""
    seeds = field("seeds")
    seeds.control.value = "[1,"
    assert "not JSON" in seeds.problem.text and seeds.changed and not seeds.check()
    limit = field("limit")
    limit.control.value = "0"
    assert limit.problem.text


def test_labels_carry_units_and_what_a_field_is_for() -> None:
    assert "Lead <small>ms</small>" in field("lead_ms").widget.children[0].value
    assert 'title="Side in pixels."' in field("size").widget.children[0].value


def test_the_name_of_an_uploaded_file_is_text() -> None:
    file = FileField("portrait", "image", "Portrait", "A picture")
    name = "<img src=x onerror=alert(1)>.png"
    now = datetime.now(UTC)
    file.upload.value = ({"name": name, "type": "image/png", "size": 2000, "content": b"", "last_modified": now},)
    told = file._taken.value
    assert "<" not in told and told.endswith(".png, 2 kB")
    assert "path" in file.upload.tooltip
