"""The parameters of a notebook, and the validation of given values before a kernel starts."""

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

MAX_GRID = 1000  # executions per grid


@dataclass(frozen=True)
class TextValue:
    """A value as text from the command line, which is still to be parsed as the parameter's type."""

    text: str


@dataclass(frozen=True)
class Parameters:
    """The parameters of a notebook."""

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
        """A row per parameter: name, default, allowed values, description."""
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
        """All values for the notebook, in the order of its cell: as JSON, except that tuples stay tuples.

        Args:
            given: values by name; ``params.animate.sway`` sets one entry of a parameter that is a dict.

        Raises WorkbenchError: notebook.bad_parameter, and the errors of the mirrored model.
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
            self._check_json(name, value, held[name])
        return found

    def _check_json(self, name: str, value: Any, held: Any) -> None:
        """Refuse values without a JSON form: infinity would become null in the record, but not in the kernel."""
        seen: object = _not_finite(held)
        if seen is None:
            try:
                orjson.dumps(value)
                return
            except TypeError as error:  # an integer of more than 64 bits, or a lone surrogate
                seen = str(error)
        raise WorkbenchError(
            "notebook.bad_parameter",
            f"{name} cannot be stored as JSON",
            where=f"{self.notebook}: {name}",
            seen=repr(seen) if isinstance(seen, float) else seen,
            allowed="finite numbers, integers of 64 bits, texts, booleans, null, and lists and dicts of them",
            remedy="Use another value, such as a text.",
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
                allowed=near or list(self.names) or "none: the notebook has no cell tagged parameters",
                remedy=f"`workbench notebook show {self.notebook}` shows its parameters.",
            )
        if not path:
            values[head] = self._read(head, value.text) if isinstance(value, TextValue) else value
            return
        place = values[head]
        for step in path[:-1]:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place
        if not isinstance(place, dict):
            raise WorkbenchError(
                "notebook.bad_parameter",
                f"{head} has no entries to set",
                where=f"{self.notebook}: {name}",
                seen=place,
                allowed="a parameter that is a dict",
                remedy=f"Set {head} itself.",
            )
        place[path[-1]] = _plain(value.text) if isinstance(value, TextValue) else value

    def _read(self, name: str, text: str) -> Any:
        """Parse a text for the parameter: as JSON or a Python literal if the parameter accepts it, else as a text."""
        value = _plain(text)
        if isinstance(value, str) or not self._fits(name, value):
            return text if isinstance(value, str) or self._fits(name, text) else value
        # A number could also be a text: if a parameter accepts both, the type of the default decides.
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
    """The parameters of a notebook; none if no cell is tagged ``parameters``.

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
            raise ValueError("the format is not 4")
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
        remedy="Use the path of a notebook; JupyterLab can convert older ones.",
    )


def product(axes: Mapping[str, str]) -> list[dict[str, TextValue]]:
    """All combinations of a grid's values, with the last name changing fastest: ``{"seed": "1,2"}`` -> two.

    Values are separated by commas; use a JSON list if they contain commas. Raises WorkbenchError
    (notebook.bad_parameter) for a name without values, or for too many executions.
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
            remedy="Use fewer values.",
        )
    return combinations


def _listed(name: str, text: str) -> list[TextValue]:
    value = _plain(text) if text.lstrip().startswith("[") else None
    if isinstance(value, list):
        found = [TextValue(item if isinstance(item, str) else orjson.dumps(item).decode()) for item in value]
    else:
        found = [TextValue(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise WorkbenchError(
            "notebook.bad_parameter",
            f"the grid has no value for {name}",
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
    """The first infinity or NaN in the value."""
    if isinstance(value, float):
        return None if math.isfinite(value) else value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple, set)) else ()
    return next((found for part in parts if (found := _not_finite(part)) is not None), None)


def _ordered(shown: Any, held: Any) -> Any:
    """A value as JSON, with tuples kept, and sets sorted, because their order differs between processes."""
    if isinstance(shown, list) and isinstance(held, (list, tuple, set, frozenset)) and len(shown) == len(held):
        parts = [_ordered(one, its) for one, its in zip(shown, held, strict=True)]
        if isinstance(held, tuple):
            return tuple(parts)
        return sorted(parts, key=orjson.dumps) if isinstance(held, (set, frozenset)) else parts
    if isinstance(shown, dict) and isinstance(held, dict) and len(shown) == len(held):
        return {name: _ordered(one, its) for (name, one), its in zip(shown.items(), held.values(), strict=True)}
    return shown
