"""The pipeline train_lora, and inputs that are files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.pipeline import InputKind
from schemas.refs import FileRef
from tests.pipelines.graphs import DIGEST, graph_of, ids
from workbench.cli.inputs import _options
from workbench.client.files import path_or_name
from workbench.client.options import read_options
from workbench.notebook.arguments import as_given
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Input, PipelineInputs
from workbench.pipelines.sdk.building import input_usage, placeholder_graph
from workbench.pipelines.sdk.inputs import fields_of

PORTRAITS = FileRef(sha256=DIGEST, media_type="application/zip")


def test_the_training_gets_the_portraits_and_what_was_chosen() -> None:
    graph = graph_of("train_lora", name="zoe-7", images=PORTRAITS, trigger="adl", params={"train": {"rank": 4}})
    assert ids(graph) == ["train"]
    [node] = graph.nodes
    assert node.params == {"model": "sd-1.5", "trigger": "adl", "rank": 4}
    assert node.input["images"]["sha256"] == DIGEST and "zoe-7" not in graph.to_json().decode(), "a name trains nothing"


def test_its_step_has_the_inputs_and_outputs_that_names_and_lists_read() -> None:
    service = services()["train.lora"]
    assert {"model", "trigger"} <= service.params.model_fields.keys() and service.models == ("model",)
    assert {"lora", "trigger", "samples"} <= service.outputs.model_fields.keys()
    assert [service.outputs.model_fields["lora"].annotation] == [FileRef]
    for pipeline, step in (("svd_wav2lip", "portrait"), ("svd_wav2lip", "clip")):
        steps = {one.id: one for one in find_pipeline(pipeline).steps}
        assert steps[step].takes("lora")


def test_the_loras_of_a_video_go_to_their_models() -> None:
    one, other = FileRef(sha256="1" * 64), FileRef(sha256="2" * 64)
    graph = graph_of("svd_wav2lip", scene="sks in a library", script="Hello.", lora=one, clip_lora=other)
    assert graph.node("portrait").input["lora"]["sha256"] == one.sha256
    assert graph.node("clip").input["lora"]["sha256"] == other.sha256


def test_forms_are_told_what_a_file_holds() -> None:
    views = {one.name: one for one in find_pipeline("train_lora").view().inputs}
    assert (views["images"].kind, views["images"].holds, views["name"].holds) == (InputKind.FILE, "portraits", "")
    assert placeholder_graph(find_pipeline("train_lora")).nodes[0].service == "train.lora"
    shown = {option.name: option for option in _options([], find_pipeline("svd_wav2lip"))}
    assert (shown["lora"].metavar, shown["portrait"].metavar) == ("NAME|FILE", "FILE")
    assert "--lora NAME|FILE" in input_usage(find_pipeline("svd_wav2lip"), "lora")


def test_a_lora_is_a_name_unless_there_is_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = find_pipeline("svd_wav2lip").inputs
    lora, portrait = inputs["lora"], inputs["portrait"]
    assert path_or_name("ada", lora) == "ada"
    (tmp_path / "ada").mkdir()
    assert path_or_name("ada", lora) == "ada", "a folder is no file"
    assert path_or_name("ada.safetensors", lora) == Path("ada.safetensors"), "so that a mistyped path is reported"
    assert path_or_name("ada", portrait) == Path("ada")
    (tmp_path / "grace").touch()
    assert path_or_name("grace", lora) == Path("grace")
    given: dict[str, Any] = {"lora": "ada", "portrait": "ada", "clip_lora": FileRef(sha256="2" * 64), "scene": "x"}
    assert as_given(find_pipeline("svd_wav2lip"), given) == {**given, "portrait": Path("ada")}


def test_json_takes_a_name_or_a_digest() -> None:
    pipeline = find_pipeline("svd_wav2lip")
    for value in ("ada", "1" * 64):
        options, files = read_options(pipeline, {"lora": value, "clipLora": value})
        assert (getattr(options, "lora"), getattr(options, "clip_lora"), files) == (value, value, {})  # noqa: B009
    with pytest.raises(WorkbenchError, match="portrait"):
        read_options(pipeline, {"portrait": "ada"})


@pytest.mark.parametrize(
    ("type_", "options", "words"),
    [
        (FileRef, {}, "say what they hold"),
        (str, {"holds": "lora"}, "say what they hold"),
        (str, {"pattern": "^[a-z]+$"}, "needs an example"),
        (str, {"pattern": "^[a-z]+$", "example": "A"}, "needs an example"),
    ],
)
def test_an_input_that_front_ends_cannot_show_is_refused(type_: Any, options: dict[str, Any], words: str) -> None:
    field = Annotated[type_, Input(title="A", description="B.", **options)]
    model = type("Inputs", (PipelineInputs,), {"__annotations__": {"field": field}})
    with pytest.raises(ValueError, match=words):
        fields_of(model)
