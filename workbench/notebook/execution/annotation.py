"""Builds the types of a parameters cell from their source text, without evaluating it.

typing and pydantic would evaluate, and thus execute, the string in ``list["x"]``. Therefore a string is accepted as a
type only if it is the whole annotation. It stays a string in ``Literal``, after the type in ``Annotated``, and in
``Field``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field, Strict

_FROM_LIST = Strict(False)  # JSON has no tuples; the values inside keep their strict types
ANY_TUPLE: Any = Annotated[tuple[Any, ...], _FROM_LIST]
_PLAIN: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict)},
    "tuple": ANY_TUPLE,
    "Any": Any,
}
_OF_TYPES: dict[str, tuple[Any, int | None]] = {  # with the number of types that it takes
    "list": (list, 1),
    "dict": (dict, 2),
    "tuple": (tuple, None),
    "Optional": (Optional, 1),
    "Union": (Union, None),
}
_BOUNDS = {
    *("gt", "ge", "lt", "le", "multiple_of", "allow_inf_nan", "max_digits", "decimal_places"),
    *("min_length", "max_length", "pattern", "strict", "title", "description", "examples"),
}
KNOWN = ", ".join([*_PLAIN, "None", "Optional", "Union", "Literal", "Annotated", "Field", "a | b"])


def read_type(annotation: ast.expr) -> Any:
    """The type that an annotation describes. Raises ValueError with the invalid part."""
    quoted = isinstance(annotation, ast.Constant) and annotation.value
    try:
        return _type(ast.parse(quoted.strip(), mode="eval").body if isinstance(quoted, str) else annotation)
    except SyntaxError:
        raise ValueError(f"{quoted!r} is not Python") from None
    except TypeError as error:  # typing refuses it
        raise ValueError(str(error)) from None


def _type(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name) if name in _PLAIN:
            return _PLAIN[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_type(left), _type(right)]  # noqa: UP007  # `|` does not support Any
        case ast.Subscript(value=ast.Name(id="Literal"), slice=within):
            return Literal[tuple(_chosen(item) for item in _items(within))]
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *more])) if more:
            return Annotated[(_type(kind), *(_metadata(item) for item in more))]
        case ast.Subscript(value=ast.Name(id=name), slice=within) if name in _OF_TYPES:
            return _of_types(name, _items(within))
    raise ValueError(f"{ast.unparse(node)} is not allowed in it")


def _of_types(name: str, items: Sequence[ast.expr]) -> Any:
    kind, count = _OF_TYPES[name]
    if not items or count not in (None, len(items)):
        raise ValueError(f"{name} does not take {len(items)} types")
    if name == "tuple" and len(items) == 2 and _is_ellipsis(items[1]):
        return Annotated[kind[_type(items[0]), ...], _FROM_LIST]
    types = tuple(_type(item) for item in items)
    made = kind[types[0] if count == 1 else types]
    return Annotated[made, _FROM_LIST] if kind is tuple else made


def _items(within: ast.expr) -> Sequence[ast.expr]:
    return within.elts if isinstance(within, ast.Tuple) else [within]


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _chosen(node: ast.expr) -> Any:
    value = _literal(node)
    if value is not None and not isinstance(value, (bool, int, str)):
        raise ValueError(f"{ast.unparse(node)} is not allowed in a Literal")
    return value


def _metadata(node: ast.expr) -> Any:
    """Metadata after the type in Annotated: the bounds of a Field, or a value that pydantic ignores."""
    if not isinstance(node, ast.Call):
        return _literal(node)
    if not (isinstance(node.func, ast.Name) and node.func.id == "Field") or node.args:
        raise ValueError(f"{ast.unparse(node)} is not allowed in it")
    bounds: dict[str, Any] = {}
    for given in node.keywords:
        if given.arg not in _BOUNDS:
            raise ValueError(f"Field does not take {given.arg or 'a dict'} here; allowed: {', '.join(sorted(_BOUNDS))}")
        bounds[given.arg] = _literal(given.value)
    field: Callable[..., Any] = Field
    return field(**bounds)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"{ast.unparse(node)} is not a literal") from None
