"""Invalid requests are refused at submit with a remedy, and nothing is queued."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.graphs import document, script, speech
from tests.cli.program import Ended, Program
from tests.nodes.portraits import packaged

pytestmark = pytest.mark.stack

# name: (document, code of the error, words that must be in it, what it must say beside the message)
GRAPHS: dict[str, tuple[Any, str, tuple[str, ...], tuple[str, ...]]] = {
    "cycle": (
        document(script("a"), script("b"), edges=(("a", "b"), ("b", "a"))),
        "graph.cycle",
        ("a -> b -> a",),
        ("where", "seen", "remedy"),
    ),
    "unknown service": (
        document(script("a", service="llm.generate_scrip")),
        "graph.unknown_service",
        ("node a", "llm.generate_scrip", "llm.generate_script"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "unknown parameter": (
        document(script("a", params={"scrpt": "Hi."})),
        "graph.bad_param",
        ("node a", "scrpt", "script"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "parameter out of bounds": (
        document(script("a", params={"script": "Hi.", "temperature": 9})),
        "graph.bad_param",
        ("node a: params.temperature", "9", "0 to 2"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "missing input": (
        document(speech("voice")),
        "graph.missing_input",
        ("node voice: input.narration",),
        ("where", "seen", "allowed", "remedy"),
    ),
    "ambiguous input": (
        document(script("a"), script("b"), speech(), edges=(("a", "speech"), ("b", "speech"))),
        "graph.ambiguous_input",
        ("node speech: input.narration", "$a.narration", "$b.narration"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "duplicate id": (document(script("a"), script("a")), "graph.duplicate_id", ("a",), ("where", "seen", "remedy")),
    "dangling edge": (
        document(script("a"), edges=(("a", "nowhere"),)),
        "graph.dangling_edge",
        ("edges[0].to", "nowhere"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "wrong schema": (
        document(script("a"), schema="langgraph.v2"),
        "graph.schema",
        ("langgraph.v2", "langgraph.v1"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "extra field": (
        document(script("a", colour="red")),
        "graph.schema",
        ("node a: colour", "not known"),
        ("where", "seen", "remedy"),
    ),
    "ten thousand nodes": (
        document(*(script(f"n{i}") for i in range(10_000))),
        "graph.too_large",
        ("10,000", "1,000"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "twenty megabytes": (
        document(script("a", "x" * 20_000_000)),
        "graph.too_large",
        ("20,000,", "4,194,304 bytes"),
        ("seen", "allowed", "remedy"),
    ),
    "not JSON": ('{"schema": "langgraph.v1", nodes}', "graph.not_json", ("line 1",), ("where", "seen", "remedy")),
    "script of white space": (
        document(script("a", "  ")),
        "node.bad_input",
        ("node a", "white space"),
        ("where", "seen", "allowed", "remedy"),
    ),
}

FOR_PEOPLE = {"cycle", "parameter out of bounds", "twenty megabytes"}  # both forms print the same fields


@pytest.fixture(autouse=True, scope="module")
def nothing_is_queued(program: Program) -> Iterator[None]:
    """Check that no refusal of this module creates a job."""
    before = program.jobs()
    yield
    assert program.jobs() == before


def check(refusal: Ended, code: str, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """The refusal in JSON: exit code 2, the code, the words, the parts, and no traceback anywhere."""
    assert refusal.code == 2, refusal
    error = refusal.error
    assert error["code"] == code
    text = json.dumps(error, ensure_ascii=False)
    assert [word for word in words if word not in text] == []
    assert [part for part in parts if not error["details"].get(part)] == []
    assert "Traceback" not in refusal.out + refusal.err


def check_text(refusal: Ended, code: str, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """The same for people: on standard error, short enough to read."""
    assert refusal.code == 2, refusal
    assert refusal.out == ""
    lines = refusal.err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[-1] == f"  code: {code}"
    assert [word for word in words if word not in refusal.err] == []
    assert [part for part in parts if f"\n  {part}: " not in refusal.err] == []
    assert "Traceback" not in refusal.err
    assert max(map(len, lines)) < 500


@pytest.mark.parametrize("name", GRAPHS)
def test_an_invalid_graph_is_refused_completely(program: Program, tmp_path: Path, name: str) -> None:
    graph, code, words, parts = GRAPHS[name]
    path = tmp_path / "graph.json"
    path.write_text(graph if isinstance(graph, str) else json.dumps(graph))
    check(program.try_("submit", str(path), "--json"), code, words, parts)
    if name in FOR_PEOPLE:
        check_text(program.try_("submit", str(path)), code, words, parts)


def gradient(side: int, path: Path) -> Path:
    """An image without a face, (side, side, 3)."""
    y, x = np.mgrid[0:side, 0:side] / side
    Image.fromarray((np.stack([x, y, 1 - x], axis=2) * 255).astype("uint8")).save(path)
    return path


def not_an_image(folder: Path) -> Path:
    path = folder / "portrait.png"
    path.write_text("no picture")
    return path


PORTRAITS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "not an image": (not_an_image, ("a file of an unknown type is not accepted", "portrait.png")),
    "no face, upscaled first": (lambda folder: gradient(256, folder / "p.png"), ("no face", "node animate")),
    "no face, large": (lambda folder: gradient(1024, folder / "p.png"), ("no face of a person",)),
    "a cup of coffee": (lambda folder: packaged("coffee.png"), ("no face of a person", "photo of a person")),
    "a cat": (lambda folder: packaged("chelsea.png"), ("no face of a person", "node animate")),
    "missing": (lambda folder: folder / "nowhere.png", ("there is no file", "nowhere.png")),
    "a folder": (lambda folder: folder, ("there is no file",)),
}


@pytest.mark.parametrize("name", PORTRAITS)
def test_an_unsuitable_portrait_is_refused(program: Program, tmp_path: Path, name: str) -> None:
    make, words = PORTRAITS[name]
    refusal = program.try_("run", "talking_head", "--portrait", str(make(tmp_path)), "--script", "Hello.", "--json")
    code = "upload.refused" if name == "not an image" else "node.bad_input"
    check(refusal, code, words, ("where", "seen", "remedy"))


HEAD = ("run", "talking_head", "--portrait", "sample")
COMMANDS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = {
    "no text": ((*HEAD, "--script", ""), "pipeline.bad_option", ("one of prompt, script, audio",), ("seen", "remedy")),
    "no portrait": (("run", "talking_head", "--script", "Hi."), "pipeline.bad_option", ("portrait",), ("remedy",)),
    "setting without a value": ((*HEAD, "--set", "animate"), "pipeline.bad_option", ("node.param=value",), ("seen",)),
    "setting of an unknown node": (
        (*HEAD, "--script", "Hi.", "--set", "animat.sway=1"),
        "pipeline.bad_option",
        ("animat", "animate"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "setting of an unknown parameter": (
        (*HEAD, "--script", "Hi.", "--set", "animate.swa=1"),
        "graph.bad_param",
        ("node animate", "swa", "sway"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "setting out of bounds": (
        (*HEAD, "--script", "Hi.", "--set", "animate.sway=7"),
        "graph.bad_param",
        ("node animate: params.sway", "0 to 2"),
        ("where", "seen", "allowed", "remedy"),
    ),
    "a node that cannot be left out": (
        (*HEAD, "--script", "Hi.", "--without", "speech"),
        "pipeline.bad_option",
        ("speech", "evaluate", "upscale"),
        ("seen", "allowed", "remedy"),
    ),
    "an option the pipeline does not use": (
        ("run", "capabilities", "--script", "Hi."),
        "pipeline.bad_option",
        ("script",),
        ("where", "seen", "allowed", "remedy"),
    ),
    "unknown pipeline": (
        ("run", "talking_heads"),
        "pipeline.unknown",
        ("talking_heads", "talking_head"),
        ("seen", "allowed", "remedy"),
    ),
    "unknown graph file": (("submit", "nowhere.json"), "graph.not_json", ("nowhere.json",), ("where", "remedy")),
    "unknown state": (("job", "list", "--status", "done"), "settings.invalid", ("done", "completed"), ("allowed",)),
    "unknown service": (("nodes", "llm.generate"), "graph.unknown_service", ("llm.generate",), ("allowed", "remedy")),
    **{
        f"unknown job to {verb}": (("job", verb, "nope"), "job.unknown", ("nope",), ("where", "remedy"))
        for verb in ("show", "watch", "cancel", "rerun", "artifacts")
    },
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_invalid_command_is_refused(program: Program, name: str) -> None:
    arguments, code, words, parts = COMMANDS[name]
    check(program.try_(*arguments, "--json"), code, words, parts)


def test_a_refusal_is_readable_without_json(program: Program) -> None:
    arguments, code, words, parts = COMMANDS["setting out of bounds"]
    check_text(program.try_(*arguments), code, words, parts)
