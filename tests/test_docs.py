"""What the documents say is true: paths exist, generated pages are fresh, the example works as printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nodes import models_doc, services_doc
from nodes.catalogue import load
from schemas.errors_doc import render

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def tree_paths() -> list[str]:
    """Paths of the README's tree: two spaces of indentation a level, the path first, then what it is."""
    [tree] = [block for block in blocks(ROOT / "README.md", "text") if block.startswith("schemas/")]
    found: list[str] = []
    folders: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        del folders[depth:]
        found.append("/".join([*folders, name.rstrip("/")]))
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
    return found


@pytest.mark.parametrize("path", tree_paths())
def test_path_of_the_readmes_tree_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_readmes_tree_has_every_folder() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines() if "/" in line and not line.startswith(".")}
    assert top <= set(tree_paths())


def test_page_of_services_is_the_declarations() -> None:
    assert (ROOT / "docs" / "services.md").read_text() == services_doc.render(), "run: python -m nodes.services_doc"


def test_table_of_models_is_the_catalogue() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    assert page == models_doc.render(page), "run: python -m nodes.models_doc"


def test_printed_catalogue_can_be_read(tmp_path: Path) -> None:
    [printed] = blocks(ROOT / "docs" / "models.md", "toml")
    (tmp_path / "models.toml").write_text(printed)
    assert load(tmp_path).own == {"character-1"}


def test_page_of_errors_is_the_code() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == render(), "run: python -m schemas.errors_doc"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_have_existing_targets(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_files_exist(document: Path) -> None:
    """`workbench/engine/cut.py` in backquotes is a file of this project, or of the page's own folder."""
    named = re.findall(r"`((?:[\w.]+/)+\w+\.(?:py|lua|md|json|toml))`", document.read_text())
    places = (ROOT, ROOT / "workbench", document.parent)
    missing = sorted({name for name in named if not any((place / name).exists() for place in places)})
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_tests_exist(document: Path) -> None:
    """`tests/app/x.py::test_y`, or `x.py::test_y` where the folder was named before."""
    named = re.findall(r"`(?:[\w.]+/)*(\w+\.py)::(test_\w+)`", document.read_text())
    files = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [(file, test) for file, test in named if f"def {test}(" not in files[file].read_text()]


def test_printed_node_runs_as_printed(tmp_path: Path) -> None:
    """The README's node, saved as a file, is a service that a plain script can run."""
    [source] = [block for block in blocks(ROOT / "README.md", "python") if "@node(" in block]
    (tmp_path / "printed_node.py").write_text(source)
    script = """
import json, pathlib, sys
from nodes.local import local_context, run_locally
from nodes.registry import services
declared = services()["image.mirror"]
from PIL import Image
folder = pathlib.Path(sys.argv[1])
ctx = local_context(folder / "artifacts")
two = Image.new("RGB", (2, 1)); two.putpixel((0, 0), (255, 0, 0)); two.save(ctx.workdir / "two.png")
ref = ctx.save(ctx.workdir / "two.png", "image")
out = run_locally(declared.run, ctx, {}, {"image": ref})
print(json.dumps([Image.open(ctx.open(out.image)).getpixel((1, 0)), declared.plane]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path), "WORKBENCH_NODE_MODULES": "printed_node", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [[255, 0, 0], "data"]


def test_printed_nodes_in_parts_run_as_printed(tmp_path: Path) -> None:
    """The producer and the consumer of docs/nodes.md: the same bytes from the whole and from parts, however cut."""
    [source] = [block for block in blocks(ROOT / "docs" / "nodes.md", "py") if "InParts[" in block]
    assert len(source.splitlines()) <= 40
    (tmp_path / "printed_parts.py").write_text(source)
    script = """
import json, pathlib, sys
from nodes.context import Cancelled
from nodes.local import local_context, run_locally
from nodes.registry import services
from nodes.sdk import InParts, TextRef
from tests.nodes.pieces import Pieces
lines, numbers = services()["lab.lines"], services()["lab.numbers"]
folder = pathlib.Path(sys.argv[1]) / "artifacts"
def made(run, inputs, parts=()):
    ctx = local_context(folder, parts=parts)
    try:
        whole = ctx.open(run_locally(run, ctx, {}, inputs).file).read_text()
    except Cancelled:
        whole = None
    return whole, ctx.host.parts, ctx
whole, parts, ctx = made(lines.run, {"narration": "One. Two. Three"})
save = lambda text: {"file": ctx.save(text.encode(), "text")}
coming = lambda pieces, ready=None: {"file": InParts(incoming=Pieces(pieces, ready), output="file", kind=TextRef)}
numbered, mine, _ = made(numbers.run, save(whole))
other = [save("One\\nTwo\\n"), save("Three\\n")]
left = made(numbers.run, coming(parts, ready=2))
print(json.dumps([
    numbered, len(parts), len(mine),
    made(numbers.run, coming(parts))[0] == made(numbers.run, coming(other))[0] == numbered,
    left[0], len(left[1]), made(numbers.run, coming(other), left[1])[0] == numbered,
]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "WORKBENCH_NODE_MODULES": "printed_parts",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == ["1. One\n2. Two\n3. Three\n", 3, 3, True, None, 2, True]
