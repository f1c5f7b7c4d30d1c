"""Manifests of inputs: what they give, and what is refused with its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from workbench.client.sweeps.manifest import read_manifest


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "id,script,animate.sway\nfirst,Hello,0.5\nsecond,,1\n"),
        ("m.jsonl", '{"id": "first", "script": "Hello", "animate.sway": 0.5}\n\n{"id": "second", "animate.sway": 1}\n'),
        ("m.yaml", "- {id: first, script: Hello, animate.sway: 0.5}\n- {id: second, animate.sway: 1}\n"),
    ],
)
def test_each_kind_of_file_gives_the_same_items(tmp_path: Path, name: str, text: str) -> None:
    first, second = read_manifest(written(tmp_path, name, text)).items
    assert (first.id, first.values["script"], float(first.values["animate.sway"])) == ("first", "Hello", 0.5)
    assert (second.id, list(second.values)) == ("second", ["animate.sway"])


def test_a_product_combines_its_lists(tmp_path: Path) -> None:
    text = "product:\n  portrait: [a.png, faces/b.png]\n  script: [Hi., This text is longer than a name should be.]\n"
    items = read_manifest(written(tmp_path, "m.yaml", text)).items
    assert [item.id for item in items][:2] == ["a + Hi.", "a + This text is longer… (2)"]
    assert [item.values["portrait"] for item in items] == ["a.png", "a.png", "faces/b.png", "faces/b.png"]


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("m.csv", "id,script\na,b,c\n", "m.csv, line 2"),
        ("m.csv", "id,script\na\n", "m.csv, line 2"),
        ("m.csv", "id,script\na,x\na,y\n", "m.csv, line 3"),
        ("m.csv", "id,,script\na,,b\n", "m.csv, line 1"),
        ("m.csv", 'id,script\na,"b\n', "m.csv, after line 1"),
        ("m.jsonl", '{"id": "a"}\n', "m.jsonl, line 1"),
        ("m.jsonl", '{"script": "a"}\n{"script": \n', "m.jsonl, line 2"),
        ("m.jsonl", "[1]\n", "m.jsonl, line 1"),
        ("m.yaml", "- {script: [1, 2]}\n", "m.yaml, row 1"),
        ("m.yaml", "- {sway: .nan}\n", "m.yaml, row 1"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path: Path, name: str, text: str, where: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        read_manifest(written(tmp_path, name, text))
    assert (caught.value.code, caught.value.where) == ("manifest.bad_row", where)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.txt", "a"),
        ("m.csv", ""),
        ("m.jsonl", "\n"),
        ("m.yaml", "a: [\n"),
        ("m.yaml", "a: &x [1]\nb: *x\n"),
        ("m.yaml", "!!python/object/apply:os.getcwd []"),
        ("m.yaml", "product: {portrait: []}\n"),
        ("m.yaml", "product: {a: " + str(list(range(101))) + ", b: " + str(list(range(101))) + "}"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        read_manifest(written(tmp_path, name, text))
    assert caught.value.code == "manifest.unreadable"


def test_a_missing_file_and_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"id\n\xff\n")
    for path in (tmp_path / "m.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(WorkbenchError) as caught:
            read_manifest(path)
        assert caught.value.code == "manifest.unreadable"
