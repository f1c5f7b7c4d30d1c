"""The session is found among whatever cookies a browser holds for this host."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from workbench.app.access.sessions import session_of


@pytest.mark.parametrize(
    "others",
    [
        "",
        'foo={"a":1}; ',
        "a b=c; ",
        "=; ",
        'x="; ',
        "[y]=1; ",
        "workbench-not=1; ",
        "é=ü; ".encode().decode("latin-1"),
    ],
)
def test_an_odd_cookie_of_somebody_else_hides_nothing(others: str) -> None:
    assert session_of(Headers({"cookie": f"{others}workbench=abc"}), "workbench") == "abc"


def test_where_there_is_none_there_is_no_session() -> None:
    assert session_of(Headers({}), "workbench") == session_of(Headers({"cookie": "other=1"}), "workbench") == ""
