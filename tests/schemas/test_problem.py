"""Errors of pydantic as ours: the place, the value seen, what is allowed, and a sentence of its own."""

from __future__ import annotations

from typing import Any, Self

import pytest
from pydantic import Field, ValidationError, model_validator

from schemas.base import Contract
from schemas.problem import first_problem, invalid, problems_of


class Part(Contract):
    low_hz: int = Field(ge=1, le=100)
    name: str = Field("a", pattern="^[a-z]+$")


class Whole(Contract):
    parts: list[Part] = Field(min_length=1)
    window: int = 2

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.window <= 1:
            raise ValueError("`window` must be greater than 1, or it sees nothing")
        return self


def refusal(values: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate(values)
    return refused.value


@pytest.mark.parametrize(
    ("values", "text", "where", "seen", "allowed"),
    [
        ({"parts": [{"lowHz": 0}]}, "greater than or equal to 1", "it: parts[0].lowHz", 0, "at least 1"),
        ({"parts": [{}]}, "required", "it: parts[0].lowHz", None, None),
        ({"parts": [], "x": 1}, "at least 1 item", "it: parts", [], "at least 1"),
        ({"parts": [{"lowHz": 1}], "x": 1}, "not known here", "it: x", 1, None),
        ({"parts": [{"lowHz": 1, "name": "A"}]}, "pattern", "it: parts[0].name", "A", "text matching ^[a-z]+$"),
    ],
)
def test_an_error_says_where_what_was_seen_and_what_is_allowed(
    values: dict[str, Any], text: str, where: str, seen: object, allowed: str | None
) -> None:
    error = invalid(refusal(values), "request.invalid", where="it: ")
    assert text in error.message
    assert error.message.startswith(where.removeprefix("it: "))
    assert (error.where, error.seen, error.allowed) == (where, seen, allowed)
    assert error.remedy


def test_a_sentence_of_our_own_validators_stands_alone() -> None:
    problem = first_problem(refusal({"parts": [{"lowHz": 1}], "window": 1}))
    assert str(problem) == problem.text == "`window` must be greater than 1, or it sees nothing"
    assert problem.field == problem.place == ""


def test_a_model_names_the_bounds_of_the_field_and_a_lead_stands_first() -> None:
    with pytest.raises(ValidationError) as refused:
        Part.model_validate({"lowHz": 101})
    error = invalid(refused.value, "graph.bad_param", "probe.data", where="node a: params", model=Part)
    assert error.message == "probe.data: input should be less than or equal to 100"
    assert (error.where, error.allowed) == ("node a: params.lowHz", "integer, 1 to 100")


def test_every_problem_is_read_in_order() -> None:
    found = problems_of(refusal({"parts": [{"lowHz": 0}, {"lowHz": 101}], "x": 1}))
    assert [problem.place for problem in found] == ["parts[0].lowHz", "parts[1].lowHz", "x"]
