"""Reads the cell of a notebook tagged ``parameters`` as a pydantic model. No code of the notebook is executed.

The cell consists of assignments with literal values. An annotation is the type of a parameter, and the comment after it
is its description::

    # mirrors workbench.notebook.request:RunRequest
    pipeline: str = "talking_head"  # the pipeline to run
    seed: int = 0

The line ``mirrors package.module:Model`` names a pydantic model with the same fields, whose types, bounds and checks
then apply to the notebook. A model with ``extra="allow"`` accepts further fields of the cell. Only that module is
imported and executed.
"""

from __future__ import annotations

import ast
import importlib
import io
import itertools
import math
import re
import sys
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.errors import WorkbenchError
from workbench.notebook.execution.annotation import ANY_TUPLE, KNOWN, read_type

TAG = "parameters"
_MIRRORS = re.compile(r"^#\s*mirrors:?\s+([\w.]+):(\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """The content of a parameters cell.

    Attributes:
        defaults: its values by name, in its order.
        model: validates them and the values that replace them.
        mirrors: ``package.module:Model``; "" if the cell mirrors no model.
    """

    defaults: dict[str, Any]
    model: type[BaseModel]
    mirrors: str = ""


def read_cell(source: str, where: str, folder: Path) -> Cell:
    """Parse a parameters cell.

    Args:
        where: the notebook to name in errors.
        folder: folder of the notebook; modules in it can be mirrored.

    Raises WorkbenchError (notebook.bad_cell) with the line.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise _bad(where, f"line {error.lineno} is not Python", seen=(error.text or "").strip()) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _bad(where, "it is not Python", seen=str(error)) from None
    comments = _comments(source)
    defaults: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_text(statement):
            continue
        name, annotation, value = _assignment(statement, where)
        if name.startswith("_") or (name.startswith("model_") and hasattr(BaseModel, name)):
            raise _bad(where, f"{name} is not allowed as the name of a parameter", seen=ast.unparse(statement)[:200])
        try:
            defaults[name] = ast.literal_eval(value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise _bad(where, f"the value of {name} is not a literal", seen=ast.unparse(value)) from None
        if (strange := not_json(defaults[name])) is not None:
            allowed = "numbers, texts, booleans, None, and lists, tuples and dicts of them"
            raise _bad(where, f"the value of {name} cannot be represented in JSON", seen=repr(strange), allowed=allowed)
        kind = _type(annotation, name, where) if annotation is not None else _type_of(defaults[name])
        fields[name] = (kind, Field(defaults[name], description=comments.get(statement.end_lineno or 0, "")))
    if named := _MIRRORS.search(source):
        return Cell(defaults, _mirrored(named[1], named[2], fields, where, folder), f"{named[1]}:{named[2]}")
    return Cell(defaults, _model(fields, where))


def not_json(value: Any) -> Any:
    """The first part of a value that JSON cannot represent, or that has no stable order; None if there is none."""
    match value:
        case None | bool() | int() | str():
            return None
        case float():
            return None if math.isfinite(value) else value
        case list() | tuple():
            parts: Iterable[Any] = value
        case dict():
            parts = itertools.chain(value, value.values())
        case _:
            return value
    return next((found for part in parts if (found := not_json(part)) is not None), None)


def _model(fields: dict[str, Any], where: str) -> type[BaseModel]:
    settings = ConfigDict(extra="forbid", strict=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # `json` and `copy` are methods of a model, which are not used here
            return create_model("Parameters", __config__=settings, **fields)
    except Exception as error:  # bounds that do not match their type, an invalid pattern
        raise _bad(where, f"its types are not valid: {error}", seen=", ".join(fields), allowed=KNOWN) from None


def _assignment(statement: ast.stmt, where: str) -> tuple[str, ast.expr | None, ast.expr]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
        return statement.target.id, statement.annotation, statement.value
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, None, statement.value
    raise _bad(where, f"line {statement.lineno} is not a parameter", seen=ast.unparse(statement)[:200])


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _type_of(value: Any) -> Any:
    """The type of a value without an annotation."""
    return Any if value is None else ANY_TUPLE if isinstance(value, tuple) else type(value)


def _type(annotation: ast.expr, name: str, where: str) -> Any:
    try:
        return read_type(annotation)
    except (ValueError, RecursionError, MemoryError) as error:
        what = f"the type of {name} cannot be read: {error}"
        raise _bad(where, what, seen=ast.unparse(annotation), allowed=KNOWN) from None


def _mirrored(module: str, name: str, fields: dict[str, Any], where: str, folder: Path) -> type[BaseModel]:
    """The mirrored model, with the further fields of the cell if it allows them (``extra="allow"``)."""
    try:
        with _importable(folder):
            model = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise _bad(where, f"{module}:{name} cannot be imported: {error}", seen=f"{module}:{name}") from None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise _bad(where, f"{module}:{name} is not a pydantic model", seen=repr(model))
    further = {one: fields[one] for one in fields if one not in model.model_fields}
    if model.model_config.get("extra") == "allow":
        model = create_model(name, __base__=model, **further)
    differing = sorted(set(fields) ^ set(model.model_fields))
    if differing:
        raise _bad(
            where,
            f"the cell and {name} do not have the same fields: {', '.join(differing)}",
            seen=sorted(fields),
            allowed=sorted(model.model_fields),
        )
    return model


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make modules in that folder importable after all others, so that one named ``json`` does not replace Python's."""
    place = str(folder)
    if place in sys.path:
        yield
        return
    sys.path.append(place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _comments(source: str) -> dict[int, str]:
    """Line number -> comment at the end of the line."""
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
