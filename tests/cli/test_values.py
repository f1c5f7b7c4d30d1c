"""``--set node.param=value``, without a stack."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import WorkbenchError
from workbench.cli.values import parse_settings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=0.5", 0.5),
        ("a.b=3", 3),
        ("a.b=true", True),
        ("a.b=null", None),
        ("a.b=[1, 2]", [1, 2]),
        ('a.b="3"', "3"),
        ("a.b=warm", "warm"),
        ("a.b=", ""),
        ("a.b=x=y", "x=y"),
        ("a.b= two words ", " two words "),
        (" a.b=1", 1),
    ],
)
def test_a_value_is_parsed_as_json_if_possible(text: str, value: Any) -> None:
    assert parse_settings([text]) == {"a": {"b": value}}


def test_values_are_grouped_by_node_and_the_last_one_counts() -> None:
    assert parse_settings(["a.b=1", "c.d=2", "a.e=3", "a.b=4"]) == {"a": {"b": 4, "e": 3}, "c": {"d": 2}}
    assert parse_settings([]) == {}


@pytest.mark.parametrize("text", ["", "a", "a.b", "a=1", ".b=1", "a.=1", "=1"])
def test_an_unreadable_value_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        parse_settings(["good.one=1", text])
    assert (refused.value.code, refused.value.seen) == ("pipeline.bad_option", text)
    assert "--set animate.sway=0.5" in refused.value.remedy
