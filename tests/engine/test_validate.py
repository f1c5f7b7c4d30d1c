"""Binding and validation at submit: what is refused, and that the error says what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nodes.registry import services
from nodes.sdk import Context, Field, NodeModel, node
from schemas.errors import WorkbenchError
from schemas.refs import AudioRef, ImageRef, Ref
from schemas.status import NodeStatus, Plane
from tests.engine.graphs import checked, document
from workbench.engine.binding import Reference, literal, references
from workbench.engine.validate import run_checks


class Params(NodeModel):
    strength: float = Field(1.0, ge=0, le=2, description="How much.")
    mode: str = Field("fast", pattern="^(fast|slow)$", description="How.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="A picture.")
    any_file: Ref | None = Field(None, description="Anything.")


class Outputs(NodeModel):
    image: ImageRef = Field(description="A picture.")
    audio: AudioRef | None = Field(None, description="A sound.")


class Nothing(NodeModel):
    pass


@node("probe.paint", version="2.1.0", plane="data")
def paint(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(image=inputs.image)


@node("probe.source", version="1.0.0", plane="control")
def source(ctx: Context, params: Params, inputs: Nothing) -> Outputs:
    return Outputs(image=ImageRef(sha256="0" * 64))


class Text(NodeModel):
    text: str = Field("", description="A word.")


def warns(params: Text, known: dict[str, Any]) -> list[str]:
    return [f"This is {params.text}."]


@node("probe.warns", version="1.0.0", plane="control", check=warns)
def warned(ctx: Context, params: Text, inputs: Nothing) -> Nothing:
    return Nothing()


class Spoken(NodeModel):
    said: str = Field(description="A word.")


def hears(params: Nothing, known: dict[str, Any]) -> list[str]:
    return [f"heard {word}" for word in known.values()]


@node("probe.echo", version="1.0.0", plane="control", same_subject={"said": "text"})
def echo(ctx: Context, params: Text, inputs: Nothing) -> Spoken:
    return Spoken(said=params.text)


@node("probe.hears", version="1.0.0", plane="control", check=hears)
def hear(ctx: Context, params: Nothing, inputs: Spoken) -> Nothing:
    return Nothing()


IMAGE = {"kind": "image", "sha256": "a" * 64}
EDGE: list[tuple[str, ...]] = [("s", "p")]


def paint_node(**fields: Any) -> dict[str, Any]:
    return {"service": "probe.paint", **fields}


def refusal(nodes: dict[str, Any], edges: list[tuple[str, ...]] | None = None) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as refused:
        checked(document(nodes, edges or []))
    assert refused.value.remedy
    return refused.value


def bound(nodes: dict[str, Any], edges: Sequence[tuple[str, ...]], name: str = "p") -> dict[str, Any]:
    return checked(document(nodes, edges)).graph.node(name).input


def test_an_input_is_filled_from_the_parent_output_with_the_same_name() -> None:
    assert bound({"s": "probe.source", "p": paint_node()}, EDGE) == {"image": "$s.image"}


def test_a_reference_may_name_an_indirect_parent_and_another_output() -> None:
    nodes = {"s": "probe.source", "m": paint_node(), "p": paint_node(input={"any_file": "$s.audio"})}
    assert bound(nodes, [("s", "m"), ("m", "p")]) == {"image": "$m.image", "any_file": "$s.audio"}


def test_a_list_of_references_is_kept_as_alternatives() -> None:
    nodes = {"s": "probe.source", "t": "probe.source", "p": paint_node(input={"image": ["$s.image", "$t.image"]})}
    assert bound(nodes, [("s", "p"), ("t", "p", "on_failure")]) == {"image": ["$s.image", "$t.image"]}


def test_literal_text_with_a_leading_dollar_is_escaped_with_two() -> None:
    assert references("$$a.text") == [] and literal("$$a.text") == "$a.text"
    assert references("$5") == [] and literal("$5") == "$5"
    assert references(["$a.x", "$b.y"]) == [Reference("a", "x"), Reference("b", "y")]
    assert references(["$a.x", 3]) == [] and references([]) == []


def test_a_parent_on_a_failure_edge_provides_no_outputs() -> None:
    error = refusal({"s": "probe.source", "p": paint_node()}, [("s", "p", "on_failure")])
    assert error.code == "graph.missing_input"


CASES: list[tuple[dict[str, Any], list[tuple[str, ...]], str, str, list[str]]] = [
    ({"p": paint_node()}, [], "graph.missing_input", "node p: input.image", ["needs image"]),
    (
        {"s": "probe.source", "t": "probe.source", "p": paint_node()},
        [("s", "p"), ("t", "p")],
        "graph.ambiguous_input",
        "node p: input.image",
        ["$s.image", "$t.image", "a list takes"],
    ),
    (
        {"s": "probe.source", "p": paint_node(input={"image": "$s.audio"})},
        EDGE,
        "graph.bad_input",
        "node p: input.image",
        ["AudioRef", "ImageRef"],
    ),
    (
        {"s": "probe.source", "p": paint_node(input={"image": "$s.picture"})},
        EDGE,
        "graph.bad_input",
        "node p: input.image",
        ["no output picture", "$s.image"],
    ),
    (
        {"s": "probe.source", "p": paint_node(input={"image": "$s.image"})},
        [],
        "graph.bad_input",
        "node p: input.image",
        ["not run before", "Add an edge from s"],
    ),
    (
        {"s": "probe.source", "p": paint_node(input={"image": "$source.image"})},
        EDGE,
        "graph.bad_input",
        "node p: input.image",
        ["source"],
    ),
    (
        {"p": paint_node(input={"image": "a.png"})},
        [],
        "graph.bad_input",
        "node p: input.image",
        ["a.png", "ImageRef"],
    ),
    (
        {"p": paint_node(input={"image": {"kind": "image", "sha256": "xyz"}})},
        [],
        "graph.bad_input",
        "node p: input.image.sha256",
        ["xyz"],
    ),
    (
        {"p": paint_node(input={"image": IMAGE, "picture": IMAGE})},
        [],
        "graph.bad_input",
        "node p: input.picture",
        ["no input picture", "image"],
    ),
    (
        {"p": paint_node(input={"image": IMAGE}, params={"strength": 2.5})},
        [],
        "graph.bad_param",
        "node p: params.strength",
        ["2.5", "0 to 2"],
    ),
    (
        {"p": paint_node(input={"image": IMAGE}, params={"strenght": 1})},
        [],
        "graph.bad_param",
        "node p: params.strenght",
        ["no parameter strenght", "strength"],
    ),
    (
        {"p": paint_node(input={"image": IMAGE}, params={"mode": "fsat"})},
        [],
        "graph.bad_param",
        "node p: params.mode",
        ["fsat"],
    ),
    ({"p": "probe.pain"}, [], "graph.unknown_service", "node p: service", ["probe.pain", "probe.paint"]),
    (
        {"p": paint_node(plane="control", input={"image": IMAGE})},
        [],
        "graph.wrong_plane",
        "node p: plane",
        ["control", "data"],
    ),
    (
        {"p": paint_node(input={"image": IMAGE}, status="completed", output={"picture": 1})},
        [],
        "graph.bad_input",
        "node p: output",
        ["completed"],
    ),
]


@pytest.mark.parametrize(("nodes", "edges", "code", "where", "words"), CASES)
def test_an_error_says_where_and_what_to_write(
    nodes: dict[str, Any], edges: list[tuple[str, ...]], code: str, where: str, words: list[str]
) -> None:
    error = refusal(nodes, edges)
    assert error.code == code
    assert error.where.startswith(where)
    assert [word for word in words if word not in str(error)] == [], str(error)


def test_a_service_of_a_package_that_was_installed_later_names_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services()  # this process has imported all nodes
    about = tmp_path / "late-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[workbench.nodes]\nlate = late_nodes\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = refusal({"p": "late.paint"}, [])
    assert error.code == "graph.unknown_service"
    assert "before late_nodes existed. Restart it and the workers" in error.remedy


def test_validation_pins_the_version_of_each_node() -> None:
    graph = checked(document({"s": "probe.source", "p": paint_node(params={"strength": 2})}, EDGE)).graph
    paint_pinned = graph.node("p")
    assert (paint_pinned.plane, paint_pinned.version, paint_pinned.weights) == (Plane.DATA, "2.1.0", "")
    assert paint_pinned.params == {"strength": 2.0, "mode": "fast"}


def test_states_other_than_completed_are_reset() -> None:
    nodes = {
        "s": {"service": "probe.source", "status": "completed", "output": {"image": IMAGE}},
        "p": paint_node(status="failed", error={"message": "x"}, retries={"attempt": 2, "maxAttempts": 5}),
    }
    graph = checked(document(nodes, EDGE)).graph
    assert graph.node("s").status is NodeStatus.COMPLETED
    again = graph.node("p")
    assert (again.status, again.error) == (NodeStatus.PENDING, None)
    assert (again.retries.attempt, again.retries.max_attempts) == (0, 5)


def test_a_completed_node_of_another_version_runs_again() -> None:
    done = {"service": "probe.source", "status": "completed", "output": {"image": IMAGE}, "version": "0.9.0"}
    assert checked(document({"s": done})).graph.node("s").status is NodeStatus.PENDING


@pytest.mark.parametrize(("made_by", "kept"), [("", True), ("ab" * 32, False)])
def test_results_of_other_code_run_again_with_everything_downstream(made_by: str, kept: bool) -> None:
    source, paint = (checked(document({"s": "probe.source", "p": paint_node()}, EDGE)).graph.node(id_) for id_ in "sp")
    done = {"status": "completed", "output": {"image": IMAGE}}
    nodes = {
        "s": {"service": source.service, "version": source.version, "code": made_by or source.code, **done},
        "p": paint_node(version=paint.version, code=paint.code, **done),
    }
    again = checked(document(nodes, EDGE)).graph
    assert {node.status for node in again.nodes} == {NodeStatus.COMPLETED if kept else NodeStatus.PENDING}


def test_warnings_of_checks_name_their_node_and_each_sentence_is_told_once() -> None:
    nodes = {name: {"service": "probe.warns", "params": {"text": text}} for name, text in (("a", "x"), ("b", "x"))}
    nodes["c"] = {"service": "probe.warns", "params": {"text": "y"}}
    found = run_checks(checked(document(nodes)), lambda ref: pytest.fail("no file is named"))
    assert [(one.where, one.message) for one in found] == [("node a", "This is x."), ("node c", "This is y.")]


def test_a_check_sees_the_parameter_from_which_an_output_before_it_comes() -> None:
    """The output of ``probe.echo`` is its parameter, which is known before it runs unless it is empty."""

    def heard(text: str) -> list[str]:
        nodes = {"e": {"service": "probe.echo", "params": {"text": text}}, "h": "probe.hears"}
        graph = checked(document(nodes, [("e", "h")]))
        return [one.message for one in run_checks(graph, lambda ref: pytest.fail("no file is named"))]

    assert heard("hello") == ["heard hello"]
    assert heard("") == []
