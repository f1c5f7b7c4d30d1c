"""The cell of a notebook tagged ``parameters``: what it names, as a pydantic model. Nothing of the notebook is run.

The cell is plain assignments with literal values. An annotation is a parameter's type, the comment behind it says what
it is for::

    # mirrors workbench.notebook.request:RunRequest
    pipeline: str = "talking_head"  # what is run
    seed: int = 0

The line ``mirrors package.module:Model`` names a pydantic model that has the same fields: its types, bounds and checks
are then those of the notebook.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import tokenize
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.errors import WorkbenchError

TAG = "parameters"
_MIRRORS = re.compile(r"^#\s*mirrors:?\s+([\w.]+):(\w+)\s*$", re.MULTILINE)
_TYPES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict, tuple, set)},
    **{name: getattr(typing, name) for name in ("Any", "Annotated", "Literal", "Optional", "Union")},
    "Field": Field,
}
_IN_TYPES = (ast.Name, ast.Subscript, ast.BinOp, ast.BitOr, ast.Constant, ast.Tuple, ast.List, ast.Load)
_IN_BOUNDS = (ast.Call, ast.keyword, ast.UnaryOp, ast.USub)


@dataclass(frozen=True)
class Cell:
    """What a parameters cell says.

    Attributes:
        defaults: the values in it, by name, in its order.
        model: checks them and whatever is given in their place.
        mirrors: ``package.module:Model``; "" where the cell speaks for itself.
    """

    defaults: dict[str, Any]
    model: type[BaseModel]
    mirrors: str = ""


def read_cell(source: str, where: str, folder: Path) -> Cell:
    """The meaning of a parameters cell.

    Args:
        where: the notebook, for errors.
        folder: of the notebook; modules beside it can be mirrored.

    Raises WorkbenchError (notebook.bad_cell) with the line.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise _bad(where, f"line {error.lineno} is not Python", seen=(error.text or "").strip()) from None
    comments = _comments(source)
    defaults: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_text(statement):
            continue
        name, annotation, value = _assignment(statement, where)
        try:
            defaults[name] = ast.literal_eval(value)
        except (ValueError, TypeError):
            raise _bad(where, f"the value of {name} is not a literal", seen=ast.unparse(value)) from None
        kind = _type(annotation, name, where) if annotation is not None else _type_of(defaults[name])
        fields[name] = (kind, Field(defaults[name], description=comments.get(statement.end_lineno or 0, "")))
    if named := _MIRRORS.search(source):
        return Cell(defaults, _mirrored(named[1], named[2], set(defaults), where, folder), f"{named[1]}:{named[2]}")
    settings = ConfigDict(extra="forbid", strict=True)
    return Cell(defaults, create_model("Parameters", __config__=settings, **fields))


def _assignment(statement: ast.stmt, where: str) -> tuple[str, ast.expr | None, ast.expr]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
        return statement.target.id, statement.annotation, statement.value
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, None, statement.value
    raise _bad(where, f"line {statement.lineno} is no parameter", seen=ast.unparse(statement)[:200])


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _type_of(value: Any) -> Any:
    """What may stand in the place of a value without an annotation."""
    return Any if value is None else type(value)


def _type(annotation: ast.expr, name: str, where: str) -> Any:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    strange = [node for node in ast.walk(annotation) if not isinstance(node, (*_IN_TYPES, *_IN_BOUNDS))]
    try:
        if strange:
            raise ValueError(f"{ast.unparse(strange[0])} stands in it")
        # Checked above, and with nothing but these names: a type can be built and nothing else be done.
        return eval(compile(ast.Expression(annotation), where, "eval"), {"__builtins__": {}}, dict(_TYPES))
    except Exception as error:
        raise _bad(
            where,
            f"the type of {name} cannot be read: {error}",
            seen=ast.unparse(annotation),
            allowed=", ".join(_TYPES),
        ) from None


def _mirrored(module: str, name: str, names: set[str], where: str, folder: Path) -> type[BaseModel]:
    try:
        with _importable(folder):
            model = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a module of the person's own raises
        raise _bad(where, f"{module}:{name} cannot be imported: {error}", seen=f"{module}:{name}") from None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise _bad(where, f"{module}:{name} is not a pydantic model", seen=repr(model))
    differing = sorted(names ^ set(model.model_fields))
    if differing:
        raise _bad(
            where,
            f"the cell and {name} do not have the same fields: {', '.join(differing)}",
            seen=sorted(names),
            allowed=sorted(model.model_fields),
        )
    return model


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _comments(source: str) -> dict[int, str]:
    """Line -> the comment at its end."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _bad(where: str, what: str, *, seen: object, allowed: object = "name: type = literal value") -> WorkbenchError:
    return WorkbenchError(
        "notebook.bad_cell",
        f"the parameters cell cannot be used: {what}",
        where=where,
        seen=seen,
        allowed=allowed,
        remedy="Correct the cell; docs/notebooks.md has an example.",
    )
