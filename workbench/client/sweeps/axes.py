"""The axes of a sweep, each with its choices; paired axes become one dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.sweep import MAX_CELLS, Axis, Choice, Range, SweepMethod, SweepSpec
from workbench.client.sweeps.problems import bad_spec

_SOURCES = ("values", "range", "choices", "seeds", "manifest")
SEED = "seed"


@dataclass(frozen=True)
class ReadAxis:
    """An axis with its choices, or with a range from which each sample draws its own value.

    Attributes:
        values: what each choice is in constraints: its value, or its label.
    """

    name: str
    choices: tuple[Choice, ...] = ()
    values: tuple[Any, ...] = ()
    drawn: Range | None = None
    param: str = ""

    def __len__(self) -> int:
        return len(self.choices)


@dataclass(frozen=True)
class Dimension:
    """Axes that advance together: one axis, or several that are paired."""

    axes: tuple[int, ...]  # their places in the spec
    size: int  # number of choices; 0 if it is drawn
    names: tuple[str, ...] = field(default=())


def read_axes(spec: SweepSpec) -> list[ReadAxis]:
    """The axes in the order of the spec. Raises WorkbenchError (sweep.bad_spec) with the axis."""
    axes = [_read(axis, number, spec.method) for number, axis in enumerate(spec.axes)]
    names = [axis.name for axis in axes]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise bad_spec(
                f"two axes are named {name}", f"axes.{number}.name", seen=name, remedy="Give each axis its own name."
            )
    return axes


def dimensions(spec: SweepSpec, axes: Sequence[ReadAxis]) -> list[Dimension]:
    """The axes in groups that advance together.

    Raises WorkbenchError (sweep.bad_spec) for a pair of different lengths or an unknown partner.
    """
    place = {axis.name: number for number, axis in enumerate(axes)}
    leader = list(range(len(axes)))
    for number, axis in enumerate(spec.axes):
        if not axis.with_:
            continue
        where = f"axes.{number}.with"
        other = place.get(axis.with_)
        if other is None or other == number:
            raise bad_spec(
                f"there is no other axis {axis.with_}",
                where,
                seen=axis.with_,
                allowed=[name for name in place if name != axes[number].name],
            )
        old, new = leader[number], leader[other]
        leader = [new if one == old else one for one in leader]
    groups: dict[int, list[int]] = {}
    for number, first in enumerate(leader):
        groups.setdefault(first, []).append(number)
    found = []
    for members in sorted(groups.values()):
        sizes = {axes[number].name: len(axes[number]) for number in members}
        if len(members) > 1 and (len(set(sizes.values())) > 1 or any(axes[number].drawn for number in members)):
            raise bad_spec(
                "paired axes need the same number of choices",
                f"axes.{members[-1]}.with",
                seen={name: size or "a range without steps" for name, size in sizes.items()},
            )
        found.append(Dimension(tuple(members), next(iter(sizes.values())), tuple(sizes)))
    return found


def value_at(drawn: Range, share: float) -> float | int:
    """The value of a range at a share of its way, 0 to 1."""
    if drawn.scale == "log":
        value = math.exp(math.log(drawn.start) + share * (math.log(drawn.stop) - math.log(drawn.start)))
    else:
        value = drawn.start + share * (drawn.stop - drawn.start)
    if drawn.integer:
        return round(value)
    return float(f"{value:.6g}")


def choice_of(param: str, value: Any) -> Choice:
    """The choice that gives a parameter or an input this value."""
    node, dot, name = param.partition(".")
    label = text_of(value)
    if dot:
        return Choice(label=label, params={node: {name: value}})
    return Choice(label=label, options={param: value})


def text_of(value: Any) -> str:
    """How tables name a value, in at most 200 characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else text[:199] + "…"


def _read(axis: Axis, number: int, method: SweepMethod) -> ReadAxis:
    where = f"axes.{number}"
    given = [name for name in _SOURCES if getattr(axis, name) is not None]
    if len(given) != 1:
        raise bad_spec(
            "an axis needs exactly one source of choices", where, seen=given or "nothing", allowed=list(_SOURCES)
        )
    source = given[0]
    if source in ("values", "range") and not axis.param:
        raise bad_spec(f"{source} need to know what they vary", f"{where}.param", allowed="node.parameter or an input")
    if source not in ("values", "range") and axis.param:
        raise bad_spec(f"{source} say themselves what they vary", f"{where}.param", seen=axis.param, allowed="nothing")
    param = axis.param or ""
    if param and not all(param.split(".", 1)):
        raise bad_spec("this names no parameter", f"{where}.param", seen=param, allowed="node.parameter or an input")
    if source == "choices":
        return _of_choices(axis, where)
    if source == "manifest":
        raise bad_spec(
            "a manifest is read where its files are",
            f"{where}.manifest",
            seen=axis.manifest,
            allowed="choices",
            remedy="Start the sweep with `workbench sweep` or wb.sweep, or send its rows as choices.",
        )
    if source == "range":
        assert axis.range is not None
        return _of_range(axis, axis.range, where, method)
    values = _seeds(axis, where) if source == "seeds" else list(axis.values or ())
    if not values:
        raise bad_spec("the axis has no values", f"{where}.{source}", seen=[], allowed="at least one")
    name = axis.name or (SEED if source == "seeds" else param)
    return ReadAxis(name, *_choices(param or SEED, values), param=param or SEED)


def _choices(param: str, values: Sequence[Any]) -> tuple[tuple[Choice, ...], tuple[Any, ...]]:
    return tuple(choice_of(param, value) for value in values), tuple(values)


def _of_choices(axis: Axis, where: str) -> ReadAxis:
    if not axis.choices:
        raise bad_spec("the axis has no choices", f"{where}.choices", seen=[], allowed="at least one")
    labelled = tuple(
        choice if choice.label else choice.model_copy(update={"label": _label(choice)}) for choice in axis.choices
    )
    name = axis.name or _varied(axis.choices) or f"axis {where.rpartition('.')[2]}"
    return ReadAxis(name, labelled, tuple(choice.label for choice in labelled))


def _of_range(axis: Axis, given: Range, where: str, method: SweepMethod) -> ReadAxis:
    name, param = axis.name or axis.param or "", axis.param or ""
    if not (math.isfinite(given.start) and math.isfinite(given.stop)):
        raise bad_spec("a range needs finite ends", f"{where}.range", seen=[given.start, given.stop])
    if given.scale == "log" and (given.start <= 0 or given.stop <= 0):
        raise bad_spec(
            "a logarithmic range needs ends above zero", f"{where}.range", seen=[given.start, given.stop], allowed="> 0"
        )
    if given.steps is None:
        if method not in (SweepMethod.RANDOM, SweepMethod.LATIN):
            raise bad_spec(
                f"the method {method} needs the number of steps", f"{where}.range.steps", allowed="2 to 1000"
            )
        return ReadAxis(name, drawn=given, param=param)
    steps = given.steps
    values = list(dict.fromkeys(value_at(given, step / (steps - 1)) for step in range(steps)))
    return ReadAxis(name, *_choices(param, values), param=param)


def _seeds(axis: Axis, where: str) -> list[int]:
    seeds = axis.seeds
    if isinstance(seeds, list):
        return list(dict.fromkeys(seeds))
    if not isinstance(seeds, int) or isinstance(seeds, bool) or not 1 <= seeds <= MAX_CELLS:
        raise bad_spec("this is no number of seeds", f"{where}.seeds", seen=seeds, allowed=f"1 to {MAX_CELLS:,}")
    return list(range(seeds))


def _label(choice: Choice) -> str:
    parts = [choice.pipeline] if choice.pipeline else []
    parts += [text_of(value) for value in choice.options.values()]
    parts += [
        f"{node}.{name}={text_of(value)}" for node, named in choice.params.items() for name, value in named.items()
    ]
    parts += [f"without {node}" for node in choice.leave_out]
    return text_of(", ".join(parts)) if parts else "as it is"


def _varied(choices: Sequence[Choice]) -> str:
    names: dict[str, None] = {}
    for choice in choices:
        names |= dict.fromkeys(["pipeline"] if choice.pipeline else [])
        names |= dict.fromkeys(choice.options)
        names |= dict.fromkeys(f"{node}.{name}" for node, named in choice.params.items() for name in named)
        names |= dict.fromkeys(f"without {node}" for node in choice.leave_out)
    return ", ".join(names)[:100]


def merged(shared: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Parameters by node: those of a choice over those of all cells."""
    found = {node: dict(params) for node, params in shared.items()}
    for node, params in own.items():
        found.setdefault(node, {}).update(params)
    return found
