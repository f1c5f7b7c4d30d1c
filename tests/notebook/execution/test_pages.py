"""The page of a failed notebook: the error is at the top, as text."""

from __future__ import annotations

import nbformat
import pytest

from workbench.notebook.execution.child import BANNER_CHARACTERS, _add_error_on_top
from workbench.notebook.execution.export import to_html

SCRIPT = "<script>alert('from an error')</script>"


MESSAGES = [SCRIPT, f"a\n~~~~\n{SCRIPT}", f"a\n\n{'~' * 50}\n\n{SCRIPT}\n~~~~", f"~~~~\n\n{SCRIPT}"]


@pytest.mark.parametrize("message", MESSAGES)
def test_an_error_is_shown_as_text(message: str) -> None:
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Text.")])
    _add_error_on_top(document, {"name": "ValueError", "message": message})
    page = to_html(document, "a notebook")
    assert "ValueError" in page and SCRIPT not in page and "alert(" in page


def test_a_long_error_is_truncated() -> None:
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Text.")])
    _add_error_on_top(document, {"name": "ValueError", "message": "~" * 10 * BANNER_CHARACTERS})
    assert len(document.cells[0].source) < 4 * BANNER_CHARACTERS
