"""The session cookie is found among other cookies for this host."""

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
def test_a_malformed_cookie_of_another_site_does_not_hide_the_session(others: str) -> None:
    assert session_of(Headers({"cookie": f"{others}workbench=abc"}), "workbench") == "abc"


def test_without_a_session_cookie_there_is_no_session() -> None:
    assert session_of(Headers({}), "workbench") == session_of(Headers({"cookie": "other=1"}), "workbench") == ""
