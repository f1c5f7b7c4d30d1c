"""Tables for notebooks, which can be converted to pandas frames."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from workbench.notebook.packages import need

if TYPE_CHECKING:
    import pandas as pd


class Table(Sequence[dict[str, Any]]):
    """Rows with the same columns."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Table: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | Table:
        return Table(self._rows[at]) if isinstance(at, slice) else self._rows[at]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas frame. Raises WorkbenchError (stack.missing_package)."""
        need("a frame", ["pandas"])
        import pandas as pd

        return pd.DataFrame(self._rows)

    def __repr__(self) -> str:
        return "\n".join("  ".join(str(value) for value in row.values()) for row in self._rows) or "(nothing)"

    def _repr_html_(self) -> str:
        return html_table(self._rows)


def html_table(rows: Sequence[dict[str, Any]]) -> str:
    """An HTML table with the columns of the first row; the notebook styles it."""
    if not rows:
        return "<p><em>nothing</em></p>"
    head = "".join(f'<th style="text-align:left">{html.escape(str(name))}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f'<td style="text-align:left">{html.escape(text)}</td>'
