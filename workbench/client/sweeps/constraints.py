"""Conditions on cells: comparisons, and/or/not and arithmetic over the values of a cell. Python evaluates nothing.

Names are axes (``seed``, or between backticks: ```portrait, audio```), inputs (``script``) and parameters
(``upscale.scale``).
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from schemas.errors import WorkbenchError

MAX_LENGTH = 1000
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`([^`]*)`")
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
ValueOf = Callable[[str], Any]


class Constraint:
    """One condition. Raises WorkbenchError (sweep.bad_constraint) for anything that it does not understand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._quoted: dict[str, str] = {}
        if len(text) > MAX_LENGTH:
            raise self._bad("it is too long", seen=len(text), allowed=f"{MAX_LENGTH} characters")
        try:
            self._tree = ast.parse(_TEXT.sub(self._stand_in, text).strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._bad(f"it is not an expression: {error}") from None
        for node in ast.walk(self._tree):
            self._check(node)

    def names(self) -> Iterator[str]:
        """The axes, inputs and parameters that it names."""
        inside = {id(node.value) for node in ast.walk(self._tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and id(node) not in inside):
                yield self._name(node)

    def holds(self, value_of: ValueOf) -> bool:
        """Whether it holds for a cell.

        Args:
            value_of: the value of a name in the cell.
        """
        try:
            return bool(self._value(self._tree, value_of))
        except (TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
            seen = {name: value_of(name) for name in self.names()}
            raise self._bad(f"it cannot be decided: {error}", seen=seen) from None

    def _stand_in(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]  # a text in quotes
        name = f"quoted_{len(self._quoted)}_"
        self._quoted[name] = found[1]
        return name

    def _check(self, node: ast.AST) -> None:
        plain = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Load)
        shape = (ast.Compare, ast.BinOp, ast.Name, ast.Tuple, ast.List)
        if isinstance(node, (*plain, *shape)) or type(node) in _BINARY or type(node) in _COMPARE:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
            return
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return
        raise self._bad(
            "it uses something that conditions do not have",
            seen=type(node).__name__,
            allowed="comparisons, in, and, or, not, + - * / // %, numbers, texts, names of axes, inputs and parameters",
        )

    def _name(self, node: ast.AST) -> str:
        if isinstance(node, ast.Attribute):
            assert isinstance(node.value, ast.Name)
            return f"{node.value.id}.{node.attr}"
        assert isinstance(node, ast.Name)
        return self._quoted.get(node.id, node.id)

    def _value(self, node: ast.AST, value_of: ValueOf) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name() | ast.Attribute():
                return value_of(self._name(node))
            case ast.Tuple() | ast.List():
                return [self._value(one, value_of) for one in node.elts]
            case ast.BoolOp():
                values = (bool(self._value(one, value_of)) for one in node.values)
                return all(values) if isinstance(node.op, ast.And) else any(values)
            case ast.UnaryOp():
                value = self._value(node.operand, value_of)
                return not value if isinstance(node.op, ast.Not) else -value if isinstance(node.op, ast.USub) else value
            case ast.BinOp():
                left, right = self._value(node.left, value_of), self._value(node.right, value_of)
                if not all(isinstance(one, int | float) for one in (left, right)):
                    raise TypeError("arithmetic needs numbers")
                return _BINARY[type(node.op)](left, right)
            case ast.Compare():
                left = self._value(node.left, value_of)
                for sign, other in zip(node.ops, node.comparators, strict=True):
                    right = self._value(other, value_of)
                    if not _COMPARE[type(sign)](left, right):
                        return False
                    left = right
                return True
        raise AssertionError(node)  # _check lets nothing else through

    def _bad(self, why: str, *, seen: object = None, allowed: object = None) -> WorkbenchError:
        return WorkbenchError(
            "sweep.bad_constraint",
            f"the condition {self.text[:80]!r} cannot be used: {why}",
            where="constraints",
            seen=seen if seen is not None else self.text[:200],
            allowed=allowed,
            remedy="Write it like `animate.scale <= 2 and seed != 3`; an axis with spaces stands between backticks.",
        )

    def unknown(self, name: str, known: list[str]) -> WorkbenchError:
        """The refusal of a name that no cell has."""
        return self._bad(f"nothing is named {name}", seen=name, allowed=known)
