"""Which combinations become cells, and which specs are refused before anything is expanded."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import WorkbenchError
from schemas.sweep import SweepSpec
from tests.sweeps import probe_pipeline
from workbench.client.sweeps.cells import expand

NUMBERS = st.lists(st.integers(0, 1000), min_size=1, max_size=6, unique=True)


def spec(*axes: dict[str, Any], **more: Any) -> SweepSpec:
    return SweepSpec.model_validate({"pipeline": probe_pipeline.NAME, "axes": list(axes), **more})


def over(param: str, values: list[Any], **more: Any) -> dict[str, Any]:
    return {"param": param, "values": values, **more}


def refused(asked: SweepSpec) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        expand(asked)
    return caught.value


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_a_grid_has_every_combination_once(values: list[list[int]]) -> None:
    found = expand(spec(*(over(f"second.p{at}", one) for at, one in enumerate(values))))
    assert len(found.cells) == len({cell.at for cell in found.cells}) == math.prod(map(len, values))
    for cell in found.cells:
        assert cell.params == {
            "second": {f"p{axis}": one[at] for axis, (one, at) in enumerate(zip(values, cell.at, strict=True))}
        }


@given(NUMBERS, st.integers(1, 6))
def test_paired_axes_advance_together(values: list[int], others: int) -> None:
    found = expand(
        spec(
            over("second.a", values, name="one"),
            over("second.c", list(range(others))),
            over("second.b", values[::-1], **{"with": "one"}),
        )
    )
    assert len(found.cells) == len(values) * others
    assert all(cell.at[0] == cell.at[2] for cell in found.cells)


def test_in_a_list_all_axes_advance_together() -> None:
    found = expand(spec(over("word", ["a", "b"]), {"seeds": [7, 9]}, method="list"))
    assert [cell.options for cell in found.cells] == [{"word": "a", "seed": 7}, {"word": "b", "seed": 9}]
    assert refused(spec(over("word", ["a", "b"]), {"seeds": 3}, method="list")).seen == {"word": 2, "seed": 3}


@given(st.integers(1, 40), st.integers(0, 5))
def test_a_latin_hypercube_has_one_sample_in_each_part_of_every_axis(samples: int, seed: int) -> None:
    axis = {"param": "second.sleep_s", "range": {"from": 0, "to": 1}}
    other = {"param": "second.part_s", "range": {"from": 1, "to": 100, "scale": "log"}}
    found = expand(spec(axis, other, method="latin", samples=samples, samplingSeed=seed))
    values = [cell.params["second"] for cell in found.cells]
    assert len(values) == samples
    parts = sorted(math.ceil(value["sleep_s"] * samples - 1e-3) for value in values)
    assert parts == list(range(1, samples + 1)) or samples > 30  # values are rounded to six digits
    assert all(1 <= value["part_s"] <= 100 for value in values)


@given(NUMBERS, NUMBERS, st.integers(1, 50), st.integers(0, 5))
def test_random_samples_are_distinct_and_repeatable(one: list[int], two: list[int], samples: int, seed: int) -> None:
    asked = spec(over("second.a", one), over("second.b", two), method="random", samples=samples, samplingSeed=seed)
    found = expand(asked)
    assert len({cell.at for cell in found.cells}) == len(found.cells) == min(samples, len(one) * len(two))
    assert [cell.at for cell in expand(asked).cells] == [cell.at for cell in found.cells]


def test_constraints_exclude_combinations_and_count_them() -> None:
    axes = over("second.parts", [1, 2, 3]), {"seeds": 2, "name": "the seed"}
    found = expand(spec(*axes, constraints=["second.parts < 3 or `the seed` == 1", "second.sleep_s == 0"]))
    assert (len(found.cells), found.excluded) == (5, 1)
    assert refused(spec(*axes, constraints=["second.parts > 3"])).code == "sweep.empty"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "second.parts.real > 1",
        "(lambda: 1)() == 1",
        "second.parts ** 9 > 1",
        "nothing == 1",
        "second.nothing == 1",
        "[x for x in (1, 2)]",
        "second.parts < 'a'",
        "second.value * 3 == 'aaa'",
        "1 / (second.parts - 1) > 0",
        "second.parts ==",
        "(" * 300 + "1" + ")" * 300,
        "",
    ],
)
def test_other_conditions_are_refused(text: str) -> None:
    asked = spec(over("second.parts", [1, 2]), constraints=[text])
    assert refused(asked).code == "sweep.bad_constraint"


def test_too_many_cells_are_refused_before_they_are_expanded() -> None:
    axes = [over(f"second.p{axis}", list(range(1000))) for axis in range(8)]
    error = refused(spec(*axes))
    assert (error.code, error.seen) == ("sweep.too_large", 1000**8)


@pytest.mark.parametrize(
    ("axis", "where"),
    [
        ({}, "axes.0"),
        ({"param": "word"}, "axes.0"),
        ({"param": "word", "values": ["a"], "seeds": 2}, "axes.0"),
        ({"values": ["a"]}, "axes.0.param"),
        ({"param": "word", "values": []}, "axes.0.values"),
        ({"param": "word", "values": ["a"], "with": "other"}, "axes.0.with"),
        ({"param": "second.", "values": [1]}, "axes.0.param"),
        ({"param": "second.parts", "range": {"from": 0, "to": 1}}, "axes.0.range.steps"),
        ({"param": "second.parts", "range": {"from": 0, "to": 1, "steps": 3, "scale": "log"}}, "axes.0.range"),
        ({"seeds": 0}, "axes.0.seeds"),
        ({"manifest": "items.csv"}, "axes.0.manifest"),
        ({"choices": []}, "axes.0.choices"),
    ],
)
def test_axes_without_a_meaning_are_refused_with_their_place(axis: dict[str, Any], where: str) -> None:
    error = refused(spec(axis))
    assert (error.code, error.where) == ("sweep.bad_spec", where)


def test_choices_change_parts_of_the_pipeline() -> None:
    choices = [{"label": "whole"}, {"leaveOut": ["second"]}, {"params": {"second": {"value": "!"}}}]
    found = expand(spec({"name": "part", "choices": choices}))
    assert found.axes[0].labels == ["whole", "without second", "second.value=!"]
    assert [cell.leave_out for cell in found.cells] == [(), ("second",), ()]
