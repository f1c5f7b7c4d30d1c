"""What a pipeline file may declare, and how one that is wrong is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import VideoRef
from workbench.client.options import options_model, read_options
from workbench.pipelines import registry
from workbench.pipelines.registry import find_pipeline, pipelines
from workbench.pipelines.sdk import FilledBy, Input, PipelineGraph, PipelineInputs, Step, pipeline, reference
from workbench.pipelines.sdk.building import build
from workbench.pipelines.sdk.declaration import DECLARED

STEP = Step("level", "Level", "generate.remux")


class Inputs(PipelineInputs):
    clip: Annotated[VideoRef | None, Input(title="Clip", description="A video.", one_of="Source")] = None
    words: Annotated[str, Input(title="Words", description="A text.", one_of="Source", max_length=9)] = ""
    count: Annotated[int, Input(title="Count", description="How many.", ge=1, le=5)] = 2
    style: Annotated[Literal["plain", "fancy"], Input(title="Style", description="How.")] = "plain"
    loud: Annotated[bool, Input(title="Loud", description="Whether.", needs=("clip",))] = True


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test declares is gone after it."""
    pipelines()
    before = dict(DECLARED)
    yield
    DECLARED.clear()
    DECLARED.update(before)


def declared(**changed: Any) -> None:
    model: Any = changed.pop("model", Inputs)

    def make(graph: PipelineGraph, inputs: Any) -> None:
        """A level."""
        graph.add(STEP, {"shown": [inputs.count, inputs.style, inputs.loud]}, text=inputs.words, video=inputs.clip)

    make.__annotations__["inputs"] = model
    pipeline(**{"name": "levels", "title": "Levels", "steps": (STEP,), "result": "level.video", **changed})(make)


def test_every_kind_of_input_is_described_and_read() -> None:
    declared()
    one = DECLARED["levels"]
    views = {view.name: view for view in one.view().inputs}
    assert {name: (view.kind.value, view.use.value) for name, view in views.items()} == {
        "clip": ("video", "one_of"),
        "words": ("text", "one_of"),
        "count": ("integer", "optional"),
        "style": ("choice", "optional"),
        "loud": ("switch", "optional"),
    }
    assert (views["count"].minimum, views["count"].maximum, views["words"].max_length) == (1, 5, 9)
    assert views["style"].choices == ["plain", "fancy"] and views["clip"].group_title == "Source"
    assert set(options_model(one).model_fields) == {*views, "seed", "leave_out", "fresh"}
    # A default says nothing: a switch that is on by itself needs no clip, and can be turned off.
    node = build(one, {"words": "$5", "loud": True}).nodes[0]
    assert node.params == {"shown": [2, "plain", True]} and node.input == {"text": "$$5"}
    clip = VideoRef(sha256="1" * 64)
    assert build(one, {"clip": clip, "loud": False, "count": 5}).nodes[0].params == {"shown": [5, "plain", False]}
    for given, said in (
        ({"words": "x", "count": 6}, "at most 5"),
        ({"words": "x", "style": "bold"}, "fancy"),
        ({"words": "0123456789"}, "at most 9"),
        ({"words": "x", "portrait": "0" * 64}, "does not use portrait"),
        ({"words": "x", "nothing": 1}, "no pipeline has an input nothing"),
        ({"clip": "/etc/passwd"}, "clip"),
    ):
        with pytest.raises(WorkbenchError, match=said):
            options, files = read_options(one, given)
            build(one, {name: getattr(options, name) for name in one.inputs} | files)


def lone(name: str = "x", annotation: Any = str, **declared: Any) -> type[PipelineInputs]:
    """A model with one input."""
    field = Input("", title="X", description="An x.", **declared)
    return type("Model", (PipelineInputs,), {"__annotations__": {name: annotation}, name: field})


def undeclared() -> type[PipelineInputs]:
    """A model whose field says nothing of itself."""
    return type("Model", (PipelineInputs,), {"__annotations__": {"x": str}, "x": ""})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda: {"name": "Levels"}, "not a valid pipeline name"),
        (lambda: {"name": "talking_head"}, "also declared in"),
        (lambda: {"result": "nowhere.video"}, "not an output of a step"),
        (lambda: {"steps": (STEP, STEP)}, "two steps have the same id"),
        (lambda: {"model": int}, "not annotated with a model"),
        (lambda: {"model": lone(annotation=dict)}, "is not a type for inputs"),
        (lambda: {"model": lone(one_of="Alone")}, "only input of its group"),
        (lambda: {"model": lone(needs=("y",))}, "needs y"),
        (lambda: {"model": lone(filled_by=FilledBy("transcribe", {"audio": "y"}, "Fill"))}, "filled from y"),
        (lambda: {"model": undeclared()}, "declared with Input"),
        (lambda: {"model": lone("seed")}, "seed is a reserved name"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused_with_its_file(
    changed: Callable[[], dict[str, Any]], said: str
) -> None:
    with pytest.raises(WorkbenchError, match=said) as refused:
        declared(**changed())
    assert refused.value.code == "pipeline.bad_declaration" and __file__ in refused.value.where and refused.value.remedy


def test_modules_of_others_are_found_and_a_broken_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_pipeline.py").write_text(
        '''"""Theirs."""
from workbench.pipelines.sdk import PipelineGraph, PipelineInputs, Step, pipeline

STEP = Step("a", "A", "info.get_capabilities")

class Inputs(PipelineInputs):
    """Nothing."""

@pipeline("theirs", title="Theirs", steps=(STEP,))
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A report."""
    graph.add(STEP)
'''
    )
    (tmp_path / "their_broken.py").write_text("import no_such_package_of_theirs")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("WORKBENCH_PIPELINE_MODULES", "their_pipeline")
    assert find_pipeline("theirs").title == "Theirs" and next(iter(pipelines())) == registry.FIRST
    for module, remedy in (("their_broken", "belong inside a node"), ("no_such_module", "WORKBENCH_PIPELINE_MODULES")):
        monkeypatch.setenv("WORKBENCH_PIPELINE_MODULES", module)
        with pytest.raises(WorkbenchError) as refused:
            pipelines()
        assert (refused.value.code, refused.value.where) == ("pipeline.bad_declaration", module)
        assert remedy in refused.value.remedy


def test_the_page_about_pipelines_is_as_they_are_declared() -> None:
    page = (Path(__file__).parents[2] / reference.DEFAULT_PATH).read_text(encoding="utf-8")
    assert reference.render(page, pipelines().values()) == page, "python -m workbench.pipelines.sdk.reference"
