"""The examples of the workbench: graphs, packages and notebooks, to read, copy and change.

A checkout has them in ``examples/`` and ``notebooks/``. The build adds them to the wheel at ``workbench/shipped/``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from schemas.errors import WorkbenchError
from workbench.store.files import written

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "shipped" if (_PACKAGE / "shipped").is_dir() else _PACKAGE.parent
EXAMPLES, NOTEBOOKS = _SHIPPED / "examples", _SHIPPED / "notebooks"
_HEADING = re.compile(r"# +(.+)")


@dataclass(frozen=True)
class Example:
    """A graph (``.json``), a package (a folder) or a notebook (``.ipynb``)."""

    name: str
    kind: str
    title: str
    place: Path

    def files(self) -> Iterator[Path]:
        """Its files, without those that Python and JupyterLab generate."""
        places = [self.place] if self.place.is_file() else sorted(self.place.rglob("*"))
        return (path for path in places if path.is_file() and not {"__pycache__", "build", "dist"} & set(path.parts))


@dataclass(frozen=True)
class Copied:
    """A file of an example in a user's folder. ``kept``: a different file was there and was not changed."""

    path: Path
    outcome: str  # new, same, kept


def examples() -> list[Example]:
    """All examples, by kind and name."""
    graphs = [Example(path.stem, "graph", _note(path), path) for path in sorted(EXAMPLES.glob("*.json"))]
    packages = [
        Example(path.parent.name, "package", tomllib.loads(path.read_text())["project"]["description"], path.parent)
        for path in sorted(EXAMPLES.glob("*/pyproject.toml"))
    ]
    notebooks = [Example(path.stem, "notebook", _heading(path), path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    return [*graphs, *packages, *notebooks]


def named_examples(names: list[str]) -> list[Example]:
    """The examples of these names; ``all`` selects every one. Raises WorkbenchError (settings.invalid)."""
    known = {example.name: example for example in examples()}
    for name in names:
        if name != "all" and name not in known:
            raise WorkbenchError(
                "settings.invalid",
                f"There is no example {name}.",
                where="NAME",
                seen=name,
                allowed=[*known, "all"],
                remedy="`workbench examples` lists them.",
            )
    return list(known.values()) if "all" in names else [known[name] for name in names]


def copy_example(example: Example, folder: Path) -> list[Copied]:
    """Copy its files below ``folder``. Existing files are never changed.

    Raises WorkbenchError: home.disk_full, home.not_writable.
    """
    with written(folder):
        return [
            _copy(path, folder / path.relative_to(example.place.parent), path.read_bytes()) for path in example.files()
        ]


def notebook_folder() -> Path:
    """The user's folder of notebooks: ``~/workbench-notebooks``, with copies of those that are not there yet."""
    folder = Path.home() / "workbench-notebooks"
    for example in examples():
        if example.kind == "notebook":
            copy_example(example, folder)
    return folder


def _copy(path: Path, target: Path, content: bytes) -> Copied:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return Copied(target, "same" if target.is_file() and target.read_bytes() == content else "kept")
    return Copied(target, "new")


def _note(path: Path) -> str:
    return str((orjson.loads(path.read_bytes()).get("metadata") or {}).get("note", ""))


def _heading(path: Path) -> str:
    cells = orjson.loads(path.read_bytes())["cells"]
    lines = (line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines())
    return next((found[1] for line in lines if (found := _HEADING.match(line))), "")
