"""The parameters of a notebook: what it takes, and whether given values fit, before any kernel starts."""

from __future__ import annotations

import ast
import copy
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from schemas.bounds import field_bounds
from schemas.errors import WorkbenchError
from schemas.problem import invalid
from workbench.notebook.execution.cell import TAG, Cell, read_cell

MAX_GRID = 1000  # executions of one grid


@dataclass(frozen=True)
class Given:
    """Values as the program was given them: a text that is still to be read as the parameter's type."""

    text: str


@dataclass(frozen=True)
class Parameters:
    """What a notebook takes."""

    notebook: Path
    document: dict[str, Any]
    cell: Cell

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.cell.defaults)

    @property
    def title(self) -> str:
        """Its first heading."""
        text = "\n".join("".join(cell["source"]) for cell in self.document["cells"] if cell["cell_type"] == "markdown")
        return next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), "")

    def rows(self) -> list[dict[str, str]]:
        """A row a parameter: name, default, allowed, description."""
        fields = self.cell.model.model_fields
        return [
            {
                "parameter": name,
                "default": orjson.dumps(default, default=str).decode(),
                "allowed": field_bounds(self.cell.model, name) or "",
                "what it is": fields[name].description or "",
            }
            for name, default in self.cell.defaults.items()
        ]

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every value the notebook will have, as JSON, in the order of its cell.

        Args:
            given: by name; ``params.animate.sway`` sets one entry of a parameter that is a dict. ``Given`` is a text.

        Raises WorkbenchError: notebook.bad_parameter, and what the mirrored model raises of its own.
        """
        values = copy.deepcopy(self.cell.defaults)
        for name, value in given.items():
            self._set(values, name, value)
        try:
            checked = self.cell.model.model_validate(values)
        except ValidationError as error:
            raise self._refused(error) from None
        held, shown = checked.model_dump(by_alias=False), checked.model_dump(mode="json", by_alias=False)
        found = {name: _ordered(shown[name], held[name]) for name in self.names}
        for name, value in found.items():
            self._kept(name, value, held[name])
        return found

    def _kept(self, name: str, value: Any, held: Any) -> None:
        """JSON has no infinity: it would become null in the record, and the kernel would get another value."""
        seen: object = _not_finite(held)
        if seen is None:
            try:
                orjson.dumps(value)
                return
            except TypeError as error:  # an integer of more than 64 bits, half a character
                seen = str(error)
        raise WorkbenchError(
            "notebook.bad_parameter",
            f"{name} cannot be kept as JSON",
            where=f"{self.notebook}: {name}",
            seen=repr(seen) if isinstance(seen, float) else seen,
            allowed="finite numbers, integers of 64 bits, texts, booleans, null, and lists and dicts of them",
            remedy="Give another value; a text can stand for it.",
        )

    def _set(self, values: dict[str, Any], name: str, value: Any) -> None:
        head, *path = name.split(".")
        if head not in self.cell.defaults:
            near = get_close_matches(head, self.names, n=3)
            raise WorkbenchError(
                "notebook.bad_parameter",
                f"{self.notebook.name} has no parameter {head}",
                where=str(self.notebook),
                seen=name,
                allowed=near or list(self.names) or "none: it has no cell tagged parameters",
                remedy=f"`workbench notebook show {self.notebook}` shows its parameters.",
            )
        if not path:
            values[head] = self._read(head, value.text) if isinstance(value, Given) else value
            return
        place = values[head]
        for step in path[:-1]:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place
        if not isinstance(place, dict):
            raise WorkbenchError(
                "notebook.bad_parameter",
                f"{head} has no entries that could be set",
                where=f"{self.notebook}: {name}",
                seen=place,
                allowed="a parameter that is a dict",
                remedy=f"Give {head} itself.",
            )
        place[path[-1]] = _plain(value.text) if isinstance(value, Given) else value

    def _read(self, name: str, text: str) -> Any:
        """A text as what fits the parameter: JSON or a Python literal where that is taken, else the text itself."""
        value = _plain(text)
        if isinstance(value, str) or not self._fits(name, value):
            return text if isinstance(value, str) or self._fits(name, text) else value
        # A number may also be a text: a parameter that takes both keeps what the default is.
        return text if isinstance(self.cell.defaults[name], str) and self._fits(name, text) else value

    def _fits(self, name: str, value: Any) -> bool:
        kind: Any = self.cell.model.model_fields[name].annotation
        try:
            TypeAdapter(kind).validate_python(value, strict=not isinstance(value, (list, tuple)))
        except ValidationError:
            return False
        return True

    def _refused(self, error: ValidationError) -> WorkbenchError:
        return invalid(
            error,
            "notebook.bad_parameter",
            where=f"{self.notebook}: ",
            model=self.cell.model,
            remedy=f"Correct the value; `workbench notebook show {self.notebook}` shows what is allowed.",
        )


def read_parameters(notebook: Path) -> Parameters:
    """The parameters of a notebook; none where no cell is tagged ``parameters``.

    Raises WorkbenchError: notebook.unreadable, notebook.bad_cell.
    """
    document = read_notebook(notebook)
    tagged = [cell for cell in document["cells"] if TAG in (cell.get("metadata") or {}).get("tags", ())]
    source = "".join(tagged[0]["source"]) if tagged else ""
    return Parameters(notebook, document, read_cell(source, str(notebook), notebook.resolve().parent))


def read_notebook(path: Path) -> dict[str, Any]:
    """The JSON of a notebook of format 4. Raises WorkbenchError (notebook.unreadable)."""
    try:
        document = orjson.loads(path.read_bytes())
        if document["nbformat"] != 4 or not isinstance(document["cells"], list):
            raise ValueError("it is not of format 4")
    except OSError as error:
        seen = error.strerror
    except (ValueError, KeyError, TypeError) as error:
        seen = f"{type(error).__name__}: {error}"
    else:
        return dict(document)
    raise WorkbenchError(
        "notebook.unreadable",
        f"{path.name} cannot be read as a notebook",
        where=str(path),
        seen=seen,
        allowed="an .ipynb file of format 4",
        remedy="Give the path of a notebook; JupyterLab saves older ones anew.",
    )


def product(axes: Mapping[str, str]) -> list[dict[str, Given]]:
    """Every combination of the values of a grid, the last name changing fastest: ``{"seed": "1,2"}`` -> two.

    Values stand between commas; a JSON list where they have commas themselves. Raises WorkbenchError
    (notebook.bad_parameter): a name without values, or too many executions.
    """
    values = {name: _listed(name, text) for name, text in axes.items()}
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    if len(combinations) > MAX_GRID:
        raise WorkbenchError(
            "notebook.bad_parameter",
            f"the grid has {len(combinations)} executions",
            where="--grid",
            seen=len(combinations),
            allowed=f"at most {MAX_GRID}",
            remedy="Leave some values out.",
        )
    return combinations


def _listed(name: str, text: str) -> list[Given]:
    value = _plain(text) if text.lstrip().startswith("[") else None
    if isinstance(value, list):
        found = [Given(item if isinstance(item, str) else orjson.dumps(item).decode()) for item in value]
    else:
        found = [Given(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise WorkbenchError(
            "notebook.bad_parameter",
            f"the grid has no value of {name}",
            where="--grid",
            seen=f"{name}={text}",
            allowed="name=a,b,c",
            remedy="For example --grid seed=1,2,3",
        )
    return found


def _plain(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _not_finite(value: Any) -> float | None:
    """The first infinity or NaN in it."""
    if isinstance(value, float):
        return None if math.isfinite(value) else value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple, set)) else ()
    return next((found for part in parts if (found := _not_finite(part)) is not None), None)


def _ordered(shown: Any, held: Any) -> Any:
    """A value as JSON, with what was a set sorted: its own order is another in every process."""
    if isinstance(shown, list) and isinstance(held, (list, tuple, set, frozenset)) and len(shown) == len(held):
        parts = [_ordered(one, its) for one, its in zip(shown, held, strict=True)]
        return sorted(parts, key=orjson.dumps) if isinstance(held, (set, frozenset)) else parts
    if isinstance(shown, dict) and isinstance(held, dict) and len(shown) == len(held):
        return {name: _ordered(one, its) for (name, one), its in zip(shown.items(), held.values(), strict=True)}
    return shown
