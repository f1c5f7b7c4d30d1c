"""The inputs of a pipeline as options of ``workbench run``, created from its model when the command is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from workbench.cli.output import reported

if TYPE_CHECKING:
    from workbench.pipelines.sdk import InputField, Pipeline

_OPTIONS, _GIVEN, _ABOUT = "workbench.options", "workbench.given", "workbench.about"  # in the context's meta
_HINT = "`workbench run PIPELINE --help` shows the inputs of a pipeline."


class RunCommand(TyperCommand):
    """A command whose argument ``pipeline`` decides which options it shows."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with reported("--json" in args):
            from workbench.pipelines.registry import pipelines

            found = pipelines()
            chosen = found.get(self._pipeline(args, found.values()))
            ctx.meta[_OPTIONS] = _options(found.values(), chosen)
            ctx.meta[_ABOUT] = f"{chosen.title}: {chosen.doc}" if chosen else _HINT
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        own = super().get_params(ctx)
        return [*own[:1], *ctx.meta.get(_OPTIONS, ()), *own[1:]]  # after the argument

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        super().format_help_text(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(ctx.meta.get(_ABOUT, _HINT))

    def _pipeline(self, args: Sequence[str], found: Iterable[Pipeline]) -> str:
        """The argument, at any position among the options."""
        own = [option for option in self.params if getattr(option, "is_flag", False)]
        flags = {"--help", *(name for option in own for name in (*option.opts, *option.secondary_opts))}
        flags |= _switches(one for pipeline in found for one in pipeline.inputs.values())
        rest = iter(args)
        for word in rest:
            if not word.startswith("-"):
                return word
            if word.startswith("--") and "=" not in word and word not in flags:
                next(rest, None)
        return ""


def inputs_given(ctx: Any, pipeline: Pipeline) -> dict[str, Any]:
    """The inputs on the command line: values by name, files as paths, LoRAs as names or paths."""
    from workbench.client.files import path_or_name

    given: dict[str, Any] = ctx.meta.get(_GIVEN, {})
    files = {name for name, one in pipeline.inputs.items() if one.kind.is_file and given.get(name)}
    return {
        name: path_or_name(value, pipeline.inputs[name]) if name in files else value for name, value in given.items()
    }


def _options(found: Iterable[Pipeline], chosen: Pipeline | None) -> list[Any]:
    """The options of the chosen pipeline, and hidden ones for all others, so that errors can name them."""
    own = list(chosen.inputs.values()) if chosen is not None else []
    others = [one for pipeline in found for one in pipeline.inputs.values()]
    every = {one.name: one for one in (*others, *own)}
    shown = [one.name for one in own] or list(every)
    options = _made_by_typer([every[name] for name in dict.fromkeys((*shown, *every))])
    for option in options:
        option.hidden = option.name not in shown
        option.expose_value = False  # the command's function has no parameter for it
        option.callback = _store
    return options


def _store(ctx: Any, option: Any, value: Any) -> None:
    if value is not None:
        ctx.meta.setdefault(_GIVEN, {})[option.name] = value


def _made_by_typer(inputs: Sequence[InputField]) -> list[Any]:
    """Options made by typer, from a function with one parameter for each input."""

    from workbench.pipelines.sdk.building import file_metavar

    def takes(**_: Any) -> None: ...

    types: dict[str, Any] = {"integer": int, "number": float, "switch": bool}
    annotations = {
        one.name: Annotated[
            types.get(one.kind, str) | None,
            typer.Option(help=_help(one), show_default=False, metavar=file_metavar(one) if one.kind.is_file else None),
        ]
        for one in inputs
    }
    takes.__annotations__ = annotations
    takes.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=one) for name, one in annotations.items()]
    )
    app = typer.Typer(add_completion=False)
    app.command()(takes)
    return list(typer.main.get_command(app).params)


def _switches(inputs: Iterable[InputField]) -> set[str]:
    names = [one.name.replace("_", "-") for one in inputs if one.kind == "switch"]
    return {f"--{name}" for name in names} | {f"--no-{name}" for name in names}


def _help(one: InputField) -> str:
    facts = "; ".join(filter(None, (one.allowed, "" if one.default in (None, "", False) else f"default {one.default}")))
    return f"{one.doc} [{facts}]" if facts else one.doc
