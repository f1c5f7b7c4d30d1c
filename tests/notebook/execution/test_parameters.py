"""Parameters of a notebook are read from its cell without running it, and given values are checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import WorkbenchError
from tests.cli.program import ROOT
from tests.notebook.execution.papers import write_notebook
from workbench.notebook.execution.parameters import Parameters, TextValue, product, read_parameters
from workbench.notebook.execution.run import digest_of, prepare

CELL = """
import os  # an import is no parameter
seed: int = 1  # what it starts from
share: Annotated[float, Field(ge=0, le=1)] = 0.5
mode: Literal["fast", "good"] = "fast"
name = "x"
more: dict = {"a": {"b": 1}}
sizes: list[int] = [1, 2]
maybe: int | None = None
free: float = 0.5
t: tuple = (1, 2)
pair: tuple[int, int] = (1, 2)
many: tuple[int, ...] = (1,)
bare = (1, "x")
either: Optional[tuple[float, str]] = None
boxes: list[tuple[int, int]] = [(1, 2)]
named: dict[str, tuple[int, ...]] = {"a": (1,)}
flag: bool = False
level: Literal[1, 2, "all"] = 1
"""


@pytest.fixture
def parameters(tmp_path: Path) -> Parameters:
    return read_parameters(write_notebook(tmp_path / "nb.ipynb", CELL, "raise SystemExit('this must not run')"))


def test_names_defaults_bounds_and_comments_are_read(parameters: Parameters) -> None:
    rows = {row["parameter"]: row for row in parameters.rows()}
    assert list(rows)[:8] == ["seed", "share", "mode", "name", "more", "sizes", "maybe", "free"]
    assert rows["seed"] == {
        "parameter": "seed",
        "default": "1",
        "allowed": "integer",
        "what it is": "what it starts from",
    }
    assert (rows["share"]["allowed"], rows["mode"]["allowed"]) == ("number, 0 to 1", "one of fast, good")
    assert rows["pair"]["allowed"] == "list of 2: integer, integer"
    assert parameters.checked({})["more"] == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "7", 7),
        ("share", "1", 1.0),
        ("share", "1e-3", 0.001),
        ("mode", "good", "good"),
        ("name", "7", "7"),
        ("name", "true", "true"),
        ("name", "a, b = c", "a, b = c"),
        ("sizes", "[3, 4]", [3, 4]),
        ("maybe", "None", None),
        ("maybe", "3", 3),
        ("maybe", "null", None),
        ("more", '{"c": 1}', {"c": 1}),
        ("t", "[3,4]", (3, 4)),
        ("t", "(3, 'x')", (3, "x")),
        ("t", "[]", ()),
        ("pair", "[3, 4]", (3, 4)),
        ("many", "[3, 4, 5]", (3, 4, 5)),
        ("bare", "[3]", (3,)),
        ("either", '[3, "x"]', (3.0, "x")),
        ("either", "null", None),
        ("boxes", "[[3, 4], [5, 6]]", [(3, 4), (5, 6)]),
        ("named", '{"b": [3, 4]}', {"b": (3, 4)}),
        ("flag", "true", True),
        ("flag", "False", False),
        ("level", "2", 2),
        ("level", "all", "all"),
    ],
)
def test_a_text_is_converted_to_the_type_of_the_parameter(
    parameters: Parameters, name: str, text: str, value: Any
) -> None:
    found = parameters.checked({name: TextValue(text)})[name]
    assert found == value and type(found) is type(value)


def test_one_entry_of_a_dict_is_set_by_its_path(parameters: Parameters) -> None:
    given = {"more.a.c": TextValue("0.5"), "more.d": TextValue("x")}
    assert parameters.checked(given)["more"] == {"a": {"b": 1, "c": 0.5}, "d": "x"}
    assert parameters.checked({})["more"] == {"a": {"b": 1}}  # the defaults do not change


@pytest.mark.parametrize(
    ("given", "where", "allowed"),
    [
        ({"sed": TextValue("1")}, "nb.ipynb", "seed"),
        ({"seed": TextValue("one")}, "seed", "integer"),
        ({"seed": 1.5}, "seed", "integer"),
        ({"seed": True}, "seed", "integer"),
        ({"share": TextValue("1.5")}, "share", "0 to 1"),
        ({"mode": TextValue("best")}, "mode", "fast, good"),
        ({"sizes": TextValue('["a"]')}, "sizes", "list of integer"),
        ({"pair": TextValue("[3]")}, "pair", "list of 2: integer, integer"),
        ({"pair": TextValue('[3, "4"]')}, "pair", "integer"),
        ({"pair": TextValue("3,4,5")}, "pair", "list of 2"),
        ({"t": TextValue("3")}, "t", "list"),
        ({"flag": TextValue("1")}, "flag", "boolean"),
        ({"level": TextValue("3")}, "level", "1, 2, all"),
        ({"seed.a": TextValue("1")}, "seed.a", "dict"),
        ({"more.a.b.c": TextValue("1")}, "more.a.b.c", "dict"),
        ({"share": TextValue("1e999")}, "share", "1"),
        ({"free": TextValue("1e999")}, "free", "finite numbers"),
        ({"more.d": TextValue("[1, 1e999]")}, "more", "finite numbers"),
        ({"seed": 10**30}, "seed", "64 bits"),
    ],
)
def test_an_invalid_value_is_refused_with_the_allowed_values(
    parameters: Parameters, given: dict[str, Any], where: str, allowed: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        parameters.checked(given)
    assert caught.value.code == "notebook.bad_parameter"
    assert where in caught.value.where and allowed in str(caught.value.allowed) and caught.value.remedy


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("seed = int(1)", "not a literal"),
        ("seed: int", "line 1"),
        ("print(1)", "line 1"),
        ("seed = = 1", "line 1"),
        ("seed: os.PathLike = 1", "type of seed"),
        ("seed: __import__('os') = 1", "type of seed"),
        ("x: 'int or' = 1", "type of x"),
        ("x: Optional['Foo'] = None", "type of x"),
        ("x: list[int, str] = []", "type of x"),
        ("x: Literal[1.5] = 1", "type of x"),
        ("x: Annotated[int, Field(default_factory=1)] = 1", "type of x"),
        ("x: Annotated[int, Field(**{'ge': 1})] = 1", "type of x"),
        ("x: Annotated[int, Field(ge=print)] = 1", "type of x"),
        ("x: Annotated[str, Field(pattern='(')] = 'a'", "are not valid"),
        ("_x = 1", "name of a parameter"),
        ("__base__ = 1", "name of a parameter"),
        ("model_config = 1", "name of a parameter"),
        ("model_dump = 1", "name of a parameter"),
        ("x = {1, 2}", "cannot be represented in JSON"),
        ("x = {'a': [b'1']}", "cannot be represented in JSON"),
        ("x = 1e999", "cannot be represented in JSON"),
        ("# mirrors no.such:Model\nseed: int = 1", "cannot be imported"),
        ("# mirrors pathlib:Path\nseed: int = 1", "not a pydantic model"),
        ("# mirrors workbench.notebook.request:RunRequest\nseed: int = 1", "same fields"),
    ],
)
def test_an_unreadable_cell_is_refused(tmp_path: Path, cell: str, said: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        read_parameters(write_notebook(tmp_path / "nb.ipynb", cell))
    assert caught.value.code == "notebook.bad_cell" and said in caught.value.message


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(
    "annotation",
    ["list[{!r}]", "Optional[{!r}]", "Annotated[{!r}, 1]", "dict[str, {!r}]", "Union[int, list[{!r}]]", "{!r}"],
)
def test_a_string_in_a_type_is_not_evaluated(tmp_path: Path, annotation: str, quoted: bool) -> None:
    trace = tmp_path / "trace"
    written = annotation.format(f"__import__('pathlib').Path({str(trace)!r}).touch()")
    cell = f"x: {repr(written) if quoted else written} = []"
    with pytest.raises(WorkbenchError) as caught:
        read_parameters(write_notebook(tmp_path / "nb.ipynb", cell)).checked({})
    assert caught.value.code == "notebook.bad_cell" and not trace.exists()


def test_a_string_outside_a_type_stays_a_string(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    cell = (
        f'a: Literal["{text}", "b"] = "b"\nb: Annotated[int, "{text}"] = 1\n'
        f'c: Annotated[int, Field(description="{text}")] = 1\nd: "int | None" = 1\n'
    )
    parameters = read_parameters(write_notebook(tmp_path / "nb.ipynb", cell))
    assert parameters.checked({"a": text, "d": TextValue("2")}) == {"a": text, "b": 1, "c": 1, "d": 2}
    assert parameters.checked({"d": None})["d"] is None and not trace.exists()


def test_every_documented_type_is_read(tmp_path: Path) -> None:
    cell = (
        "a: Union[int, str] = 1\nb: tuple[int, ...] = (1, 2)\nc: tuple[int, str] = (1, 'x')\n"
        "d: dict[str, list[float]] = {'a': [0.5]}\ne: Any = None\nf: Optional[Literal['x', 1, None]] = 'x'\n"
        "g: Annotated[list[int], Field(min_length=1)] = [1]\njson = 'x'\nmodel_name = 'y'\n"
    )
    parameters = read_parameters(write_notebook(tmp_path / "nb.ipynb", cell))
    assert parameters.checked({})["d"] == {"a": [0.5]}
    given = {
        "a": TextValue("x"),
        "b": (1,),
        "d.b": [0.25],
        "f": TextValue("1"),
        "e": TextValue("2"),
        "json": TextValue("z"),
    }
    found = {"a": "x", "b": (1,), "c": (1, "x"), "d": {"a": [0.5], "b": [0.25]}, "e": 2, "f": 1, "g": [1]}
    assert parameters.checked(given) == {**found, "json": "z", "model_name": "y"}
    for name, value in {"a": 0.5, "b": ("x",), "f": "y", "g": [], "d": {"a": ["x"]}}.items():
        with pytest.raises(WorkbenchError):
            parameters.checked({name: value})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nbformat": 3, "cells": []}', '{"nbformat": 4}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "nb.ipynb").write_text(text)
    for path in (tmp_path / "nb.ipynb", tmp_path / "none.ipynb"):
        with pytest.raises(WorkbenchError) as caught:
            read_parameters(path)
        assert caught.value.code == "notebook.unreadable"


def test_a_mirrored_model_adds_its_bounds_and_validators(tmp_path: Path) -> None:
    (tmp_path / "beside_model.py").write_text(
        "from pydantic import BaseModel, Field, model_validator\n"
        "class Asked(BaseModel):\n"
        "    low: int = Field(0, ge=0, description='the lower')\n"
        "    high: int = 1\n"
        "    @model_validator(mode='after')\n"
        "    def _order(self):\n"
        "        if self.low > self.high: raise ValueError('low is above high')\n"
        "        return self\n"
    )
    cell = "# mirrors beside_model:Asked\nlow: int = 0\nhigh: int = 1\n"
    mirroring = read_parameters(write_notebook(tmp_path / "nb.ipynb", cell))
    assert mirroring.rows()[0]["what it is"] == "the lower"
    assert mirroring.checked({"high": TextValue("5"), "low": TextValue("4")}) == {"low": 4, "high": 5}
    for given, said in (({"low": TextValue("-1")}, "low"), ({"low": TextValue("2")}, "low is above high")):
        with pytest.raises(WorkbenchError) as caught:
            mirroring.checked(given)
        assert caught.value.code == "notebook.bad_parameter" and said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"params.animate.sway": TextValue("9")}, "graph.bad_param", "0 to 2"),
        ({"params.animat.sway": TextValue("1")}, "pipeline.bad_option", "animate"),
        ({"without": TextValue('["animat"]')}, "pipeline.bad_option", "animate"),
        ({"pipeline": TextValue("talking_haed")}, "pipeline.unknown", "talking_head"),
        ({"prompt": TextValue("The sea."), "script": TextValue("Waves.")}, "pipeline.bad_option", "prompt"),
        ({"pipeline": TextValue("infinitetalk")}, "pipeline.bad_option", "voice"),
        ({"pipeline": TextValue("draft_script")}, "pipeline.bad_option", "prompt"),
        ({"seed": TextValue("-1")}, "notebook.bad_parameter", "integer, 0 to"),
        ({"lane": TextValue("fast")}, "notebook.bad_parameter", "interactive, batch"),
    ],
)
def test_run_pipeline_refuses_values_that_its_pipeline_and_nodes_refuse(
    given: dict[str, TextValue], code: str, said: str
) -> None:
    parameters = read_parameters(ROOT / "notebooks" / "run_pipeline.ipynb")
    with pytest.raises(WorkbenchError) as caught:
        parameters.checked(given)
    assert caught.value.code == code and said in str(caught.value)
    assert parameters.checked({"params.animate.sway": TextValue("0.5")})["params"] == {"animate": {"sway": 0.5}}


def test_a_module_beside_the_notebook_does_not_shadow_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemExit('the neighbour was imported')")
    (tmp_path / "beside_colours.py").write_text(
        "import colorsys\nfrom pydantic import BaseModel\nclass Asked(BaseModel):\n    low: int = 0\n"
    )
    before = list(sys.path)
    sys.modules.pop("colorsys", None)
    mirroring = write_notebook(tmp_path / "nb.ipynb", "# mirrors beside_colours:Asked\nlow: int = 0\n")
    assert read_parameters(mirroring).names == ("low",) and sys.path == before


def test_a_mirrored_set_has_a_stable_order(tmp_path: Path) -> None:
    (tmp_path / "beside_sets.py").write_text(
        "from pydantic import BaseModel\nclass Asked(BaseModel):\n    tags: set[str] = set()\n    in_: dict = {}\n"
    )
    cell = "# mirrors beside_sets:Asked\ntags: list = []\nin_: dict = {}\n"
    parameters = read_parameters(write_notebook(tmp_path / "nb.ipynb", cell))
    letters = "abcdefghijklmnop"
    found = parameters.checked({"tags": list(reversed(letters)), "in_.a": {"b": {*letters}}})
    assert found == {"tags": list(letters), "in_": {"a": {"b": list(letters)}}}


def test_run_pipeline_accepts_its_defaults_and_a_single_given_value() -> None:
    parameters = read_parameters(ROOT / "notebooks" / "run_pipeline.ipynb")

    def said(**given: str) -> tuple[str, ...]:
        values = parameters.checked({name: TextValue(text) for name, text in given.items()})
        return tuple(values[name] for name in ("portrait", "script", "prompt", "audio"))

    assert said() == ("sample", "Good morning.", "", "")
    assert said(prompt="The sea.") == ("sample", "", "The sea.", "")
    assert said(portrait="me.png", audio="me.wav") == ("me.png", "", "", "me.wav")
    assert said(pipeline="draft_script", prompt="The sea.") == ("", "", "The sea.", "")


def test_a_grid_has_every_combination() -> None:
    texts = [{name: given.text for name, given in one.items()} for one in product({"a": "1, 2", "b": '["x,y", 3]'})]
    assert texts == [{"a": a, "b": b} for a in ("1", "2") for b in ("x,y", "3")]
    assert product({}) == [{}]
    for axes in ({"a": ""}, {"a": "[]"}, {"a": ",".join(map(str, range(40))), "b": ",".join(map(str, range(40)))}):
        with pytest.raises(WorkbenchError) as caught:
            product(axes)
        assert caught.value.code == "notebook.bad_parameter"


def test_a_digest_covers_cells_values_and_destination(tmp_path: Path, parameters: Parameters) -> None:
    document, values = parameters.document, parameters.checked({})
    first = digest_of(document, values, "e", "python3")
    document["cells"][0]["outputs"] = [{"output_type": "stream"}]
    document["metadata"]["widgets"] = {}
    assert digest_of(document, values, "e", "python3") == first
    assert digest_of(document, {**values, "seed": 2}, "e", "python3") != first
    assert digest_of(document, values, "f", "python3") != first != digest_of(document, values, "e", "told")
    document["cells"][1]["source"] = ["pass"]
    assert digest_of(document, values, "e", "python3") != first
    execution = prepare(parameters, {"more.d": TextValue("1")}, tmp_path, "e")
    assert execution.given == ("more",) and execution.name == f"nb-{execution.digest[:12]}"
