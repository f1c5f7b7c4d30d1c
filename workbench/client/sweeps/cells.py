"""The cells of a sweep: which choices of its axes are combined, and what each combination asks for."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.sweep import MAX_CELLS, Choice, SweepAxis, SweepMethod, SweepSpec
from workbench.client.sweeps.axes import Dimension, ReadAxis, choice_of, dimensions, merged, read_axes, value_at
from workbench.client.sweeps.constraints import Constraint
from workbench.client.sweeps.problems import bad_spec
from workbench.pipelines.registry import pipelines

_TRIES_PER_SAMPLE = 50


@dataclass(frozen=True)
class Cell:
    """One combination: a choice for each axis, and the request that follows from it."""

    at: tuple[int, ...]
    pipeline: str
    options: dict[str, Any]
    params: dict[str, dict[str, Any]]
    leave_out: tuple[str, ...]
    label: str  # "seed 0, scale 2"


@dataclass(frozen=True)
class Expanded:
    """The cells of a spec, and its axes as tables show them."""

    axes: list[SweepAxis]
    cells: list[Cell]
    excluded: int


def expand(spec: SweepSpec) -> Expanded:
    """The cells of a spec.

    Raises WorkbenchError: sweep.bad_spec, sweep.too_large before anything is expanded, sweep.empty,
    sweep.bad_constraint.
    """
    axes = read_axes(spec)
    groups = dimensions(spec, axes)
    constraints = [Constraint(text) for text in spec.constraints]
    if spec.method in (SweepMethod.RANDOM, SweepMethod.LATIN):
        axes, ats, excluded = _sampled(spec, axes, groups, constraints)
    else:
        if spec.samples is not None:
            raise bad_spec(
                f"the method {spec.method} takes no samples", "samples", seen=spec.samples, allowed="random, latin"
            )
        kept = _Filter(spec, axes, constraints)
        ats = [at for at in _combined(spec, axes, groups) if kept(at)]
        excluded = kept.excluded
    if not ats:
        raise WorkbenchError(
            "sweep.empty",
            "the sweep has no cell: its constraints exclude every combination",
            where="constraints",
            seen=f"{excluded} combinations excluded",
            allowed="at least one cell",
            remedy="Relax the constraints, or add values to the axes.",
        )
    shown = [SweepAxis(name=axis.name, labels=[choice.label for choice in axis.choices]) for axis in axes]
    return Expanded(shown, [_cell(spec, axes, at) for at in ats], excluded)


def _too_large(count: int) -> WorkbenchError:
    return WorkbenchError(
        "sweep.too_large",
        f"the axes combine to {count:,} cells",
        where="axes",
        seen=count,
        allowed=f"at most {MAX_CELLS:,} cells",
        remedy="Shorten the axes, pair some of them, or take samples: method random or latin.",
    )


def _combined(spec: SweepSpec, axes: Sequence[ReadAxis], groups: Sequence[Dimension]) -> Iterator[tuple[int, ...]]:
    sizes = [group.size for group in groups]
    if spec.method is SweepMethod.LIST:
        if len(set(sizes)) > 1:
            raise bad_spec(
                "in a list, all axes advance together, so they need the same number of choices",
                "axes",
                seen={axis.name: len(axis) for axis in axes},
            )
        if sizes[0] > MAX_CELLS:
            raise _too_large(sizes[0])
        return ((step,) * len(axes) for step in range(sizes[0]))
    if math.prod(sizes) > MAX_CELLS:
        raise _too_large(math.prod(sizes))
    return (_at(axes, groups, steps) for steps in itertools.product(*map(range, sizes)))


def _at(axes: Sequence[ReadAxis], groups: Sequence[Dimension], steps: Sequence[int]) -> tuple[int, ...]:
    at = [0] * len(axes)
    for group, step in zip(groups, steps, strict=True):
        for axis in group.axes:
            at[axis] = step
    return tuple(at)


# -- samples -----------------------------------------------------------------------------------------------------------


def _sampled(
    spec: SweepSpec, axes: list[ReadAxis], groups: Sequence[Dimension], constraints: Sequence[Constraint]
) -> tuple[list[ReadAxis], list[tuple[int, ...]], int]:
    """The axes, with the values that were drawn as their choices, the samples, and how many were excluded."""
    if spec.samples is None:
        raise bad_spec(f"the method {spec.method} needs a number of samples", "samples", allowed=f"1 to {MAX_CELLS:,}")
    if spec.method is SweepMethod.LATIN:
        drawn = _latin(spec, len(groups))
    else:
        drawn = _random(spec, groups)
    found: dict[tuple[Any, ...], None] = {}
    excluded = tries = 0
    check = _Filter(spec, axes, constraints)
    most = len(groups) and spec.samples * _TRIES_PER_SAMPLE
    for shares in drawn:
        tries += 1
        point = _point(axes, groups, shares)
        if point in found:
            if tries > most:
                break
            continue
        if check.holds_at(point):
            found[point] = None
        else:
            excluded += 1
        if len(found) >= spec.samples or tries > most:
            break
    return *_with_drawn(axes, list(found)), excluded


def _random(spec: SweepSpec, groups: Sequence[Dimension]) -> Iterator[list[float]]:
    """Endless shares of the way along each dimension; each combination of choices once if all are choices."""
    chance = random.Random(spec.sampling_seed)
    if all(group.size for group in groups) and (total := math.prod(group.size for group in groups)) <= 50_000:
        for number in chance.sample(range(total), total):
            shares = []
            for group in reversed(groups):
                number, step = divmod(number, group.size)
                shares.append((step + 0.5) / group.size)
            yield shares[::-1]
        return
    while True:
        yield [chance.random() for _ in groups]


def _latin(spec: SweepSpec, count: int) -> Iterator[list[float]]:
    """One sample in each of ``samples`` equal parts of every dimension."""
    assert spec.samples is not None
    chance = random.Random(spec.sampling_seed)
    columns = []
    for _ in range(count):
        order = list(range(spec.samples))
        chance.shuffle(order)
        columns.append([(place + chance.random()) / spec.samples for place in order])
    return (list(shares) for shares in zip(*columns, strict=True))


def _point(axes: Sequence[ReadAxis], groups: Sequence[Dimension], shares: Sequence[float]) -> tuple[Any, ...]:
    """For each axis, the number of its choice, or the value that was drawn for it."""
    point: list[Any] = [0] * len(axes)
    for group, share in zip(groups, shares, strict=True):
        for number in group.axes:
            axis = axes[number]
            point[number] = value_at(axis.drawn, share) if axis.drawn else min(int(share * group.size), group.size - 1)
    return tuple(point)


def _with_drawn(
    axes: Sequence[ReadAxis], points: Sequence[tuple[Any, ...]]
) -> tuple[list[ReadAxis], list[tuple[int, ...]]]:
    read, columns = [], []
    for number, axis in enumerate(axes):
        column = [point[number] for point in points]
        if axis.drawn is not None:
            values = sorted(set(column))
            place = {value: index for index, value in enumerate(values)}
            column = [place[value] for value in column]
            choices = tuple(choice_of(axis.param, value) for value in values)
            axis = ReadAxis(axis.name, choices, tuple(values), param=axis.param)
        read.append(axis)
        columns.append(column)
    return read, list(zip(*columns, strict=True))


# -- requests ----------------------------------------------------------------------------------------------------------


class _Filter:
    """Counts and drops the combinations that a constraint excludes."""

    def __init__(self, spec: SweepSpec, axes: Sequence[ReadAxis], constraints: Sequence[Constraint]) -> None:
        self._spec, self._axes, self._constraints = spec, axes, constraints
        self._numbers = {axis.name: number for number, axis in enumerate(axes)}
        self.excluded = 0
        known = self._known() if constraints else set()
        for constraint in constraints:
            for name in constraint.names():
                if name not in known and not _is_parameter(spec, name):
                    raise constraint.unknown(name, sorted(known))

    def __call__(self, at: tuple[int, ...]) -> bool:
        if self.holds_at(at):
            return True
        self.excluded += 1
        return False

    def holds_at(self, point: tuple[Any, ...]) -> bool:
        if not self._constraints:
            return True
        choices = [
            choice_of(axis.param, value) if axis.drawn else axis.choices[value]
            for axis, value in zip(self._axes, point, strict=True)
        ]
        pipeline, options, params, leave_out = _request(self._spec, choices)

        def value_of(name: str) -> Any:
            number = self._numbers.get(name)
            if number is not None:
                axis = self._axes[number]
                return point[number] if axis.drawn else axis.values[point[number]]
            if name == "pipeline":
                return pipeline
            node, dot, param = name.partition(".")
            if not dot:
                return options.get(name, 0 if name == "seed" else "")
            if node in leave_out:
                return ""
            return params.get(node, {}).get(param, _default(pipeline, node, param))

        return all(constraint.holds(value_of) for constraint in self._constraints)

    def _known(self) -> set[str]:
        given = [self._spec.options, *(choice.options for axis in self._axes for choice in axis.choices)]
        known = {*self._numbers, "seed", "pipeline", *(name for options in given for name in options)}
        if (declared := pipelines().get(self._spec.pipeline)) is not None:
            known |= set(declared.inputs)
        sets = [self._spec.params, *(choice.params for axis in self._axes for choice in axis.choices)]
        known |= {f"{node}.{param}" for params in sets for node, named in params.items() for param in named}
        return known | {axis.param for axis in self._axes if axis.param}


def _is_parameter(spec: SweepSpec, name: str) -> bool:
    node, _, param = name.partition(".")
    return bool(param) and _default(spec.pipeline, node, param) is not None


def _default(pipeline: str, node: str, param: str) -> Any:
    """The declared default of a parameter of a step; None if there is no such parameter."""
    declared = pipelines().get(pipeline)
    for step in declared.steps if declared else ():
        if step.id == node and step.service in services():
            field = services()[step.service].params.model_fields.get(param)
            return None if field is None else field.get_default(call_default_factory=False)
    return None


def _request(
    spec: SweepSpec, choices: Sequence[Choice]
) -> tuple[str, dict[str, Any], dict[str, dict[str, Any]], tuple[str, ...]]:
    pipeline, options, params, leave_out = spec.pipeline, dict(spec.options), spec.params, list(spec.leave_out)
    for choice in choices:
        pipeline = choice.pipeline or pipeline
        options.update(choice.options)
        params = merged(params, choice.params)
        leave_out += choice.leave_out
    return pipeline, options, merged(params, {}), tuple(dict.fromkeys(leave_out))


def _cell(spec: SweepSpec, axes: Sequence[ReadAxis], at: tuple[int, ...]) -> Cell:
    choices = [axis.choices[number] for axis, number in zip(axes, at, strict=True)]
    label = ", ".join(f"{axis.name} {choice.label}" for axis, choice in zip(axes, choices, strict=True))
    return Cell(at, *_request(spec, choices), label=label)
