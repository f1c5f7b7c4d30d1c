"""Everything that a node file needs: the ``@node`` decorator, typed references and the context.

A node is one file with three models and one function::

    @node("generate.upscale_image", version="1.0.0", plane="data", title="Upscale an image", category="Upscaling")
    def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs: ...

The form on the page, the widget, the CLI flags and the capability manifest are derived from those models. Heavy
imports belong inside ``run`` or into the loader for ``ctx.model``, because declaring a node must be cheap.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Field
from pydantic.fields import FieldInfo

from nodes import identity
from nodes.context import Cancelled as Cancelled
from nodes.context import Context as Context
from nodes.in_parts import InParts as InParts
from nodes.in_parts import inputs_in_parts, kind_in_parts
from nodes.portrait_needs import PortraitNeeds as PortraitNeeds
from nodes.weights import ModelName as ModelName
from schemas.approval import MAX_TEXT_CHARS as MAX_TEXT_CHARS
from schemas.approval import Decision as Decision
from schemas.approval import Question as Question
from schemas.errors import WorkbenchError
from schemas.installing import ENGINES, install_bare, install_engine, install_extra
from schemas.metric import Metric as Metric
from schemas.refs import AudioRef as AudioRef
from schemas.refs import FileRef as FileRef
from schemas.refs import ImageRef as ImageRef
from schemas.refs import JsonRef as JsonRef
from schemas.refs import Ref as Ref
from schemas.refs import TextRef as TextRef
from schemas.refs import VideoRef as VideoRef
from schemas.status import Plane


class NodeModel(BaseModel):
    """Base of Params, Inputs and Outputs: unknown fields are rejected, and values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Resources:
    """The resources for one run of the node."""

    gpu: int = 0
    vram_gib: float = 0.0
    timeout_s: float = 600.0


class NodeError(WorkbenchError):
    """Raised by a node that cannot process its input. The same input would fail again, so it is not retried."""

    def __init__(self, message: str, *, code: str = "node.bad_input", **details: Any) -> None:
        super().__init__(code, message, **details)


class NodeUnavailable(WorkbenchError):
    """Raised by a node whose model or server is not available now. It is retried."""

    def __init__(self, message: str, *, code: str = "node.model_unavailable", **details: Any) -> None:
        super().__init__(code, message, **details)


RunFunction = Callable[[Context, Any, Any], BaseModel]
Run = TypeVar("Run", bound=RunFunction)
CheckFunction = Callable[[Any, dict[str, Any]], list[str] | None]


@dataclass(frozen=True)
class NodeDeclaration:
    """A service as declared by a node file."""

    service: str
    version: str
    title: str
    category: str
    tags: tuple[str, ...]
    plane: Plane
    pool: str
    run: RunFunction
    params: type[BaseModel]
    inputs: type[BaseModel]
    outputs: type[BaseModel]
    resources: Resources
    seeded: bool
    cache: bool
    asks: bool
    check: CheckFunction | None
    same_subject: Mapping[str, str]
    portraits: Mapping[str, PortraitNeeds]  # by input
    model_packages: tuple[str, ...]  # packages whose files are the model
    packages: tuple[str, ...]  # packages whose versions affect the result, including those of the model
    models: tuple[str, ...]  # parameters that name installed models
    advanced: tuple[str, ...]
    part: type[BaseModel] | None  # what one part of a long output has
    metrics: tuple[Metric, ...]
    doc: str
    file: str

    @property
    def in_parts(self) -> Mapping[str, Any]:
        """The inputs that it takes in parts, with the types of their values."""
        return inputs_in_parts(self.inputs)

    @property
    def made_in_parts(self) -> tuple[str, ...]:
        """The outputs that it makes in parts."""
        return tuple(self.part.model_fields) if self.part else ()

    @property
    def code(self) -> str:
        """Digest of its source. Raises WorkbenchError (node.code_changed) if the source changed after it was loaded."""
        return identity.code_of(self.run.__module__, self.file)

    @property
    def weights(self) -> str:
        """Digest of the model's files; "" for a node without weights. Raises WorkbenchError (node.missing_package)."""
        return identity.weights_of(self.model_packages, self.service, self._install)

    @property
    def versions(self) -> tuple[str, ...]:
        """``name==version`` of its packages. Raises WorkbenchError (node.missing_package)."""
        return identity.versions_of(self.packages, self.service, self._install)

    @property
    def identity(self) -> identity.Identity:
        """The node's identity in this environment: code, weights and package versions. Raises as its parts do."""
        return identity.Identity(self.code, self.weights, self.versions)

    @property
    def _install(self) -> str:
        if self.run.__module__.startswith("nodes.") and self.pool in ("cpu", "control"):
            return f"Install the CPU set: {install_extra('cpu')}; {install_bare()}"
        if self.pool in ENGINES:
            return f"Run `{install_engine(self.pool)}` on the worker's machine."
        return f"pip install {{package}} in the environment of the workers of the pool {self.pool}."


_TAG = re.compile(r"[a-z0-9]([a-z0-9 .+-]*[a-z0-9])?")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
DECLARED: dict[str, NodeDeclaration] = {}


def node(
    service: str,
    *,
    version: str,
    plane: str,
    title: str = "",
    category: str = "",
    tags: tuple[str, ...] = (),
    pool: str = "",
    resources: Resources | None = None,
    seeded: bool = False,
    cache: bool = True,
    asks: bool = False,
    check: CheckFunction | None = None,
    same_subject: Mapping[str, str] | None = None,
    portraits: Mapping[str, PortraitNeeds] | None = None,
    weights: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    part: type[BaseModel] | None = None,
    advanced: tuple[str, ...] = (),
    metrics: tuple[Metric, ...] = (),
) -> Callable[[Run], Run]:
    """Declare the decorated function as a service.

    Args:
        service: dotted name, e.g. ``generate.hibari_tts``.
        version: for people; part of the content key, like the node's source. Increase it if outputs change for a reason
            that neither the source nor the packages show.
        plane: ``control`` (light) or ``data`` (heavy).
        title: a name for people, e.g. ``Hibari speech``. Default: the end of the service's name in words.
        category: the heading under which lists show it, e.g. ``Speech``. Default: the beginning of the service's name.
        tags: search words in lower case.
        pool: the worker pool that can run it. Default: ``cpu``, the packaged CPU set, on the data plane; all control
            nodes share the pool ``control``.
        resources: GPU, memory and the timeout after which a run is killed.
        seeded: whether the output depends on ``ctx.seed``, which then is part of the content key.
        cache: False if the same inputs may validly give different outputs (capabilities, clocks).
        asks: whether the node asks a person (``ctx.ask``). Such a node is never cached, runs on the control plane, and
            is a segment of its own, so that nothing else waits for the answer.
        check: called at submit with the params and the inputs known by then (values, or paths of artifacts);
            raises NodeError to reject the graph. It may return sentences that warn about what to expect; they are shown
            with the job. It must be quick and may import what it needs.
        same_subject: outputs that show the same subject as an input or a parameter, as {output: input}. The checks of
            later nodes then use that value: an image without a face is rejected at submit even if it would be upscaled
            first.
        portraits: what it needs of inputs that are portraits, as {input: needs}. A portrait that does not meet them is
            refused at submit, or accepted with a warning.
        weights: names of the installed packages whose files are the model. Their digest is part of the content key.
        packages: names of the installed packages whose versions affect the result, such as ``onnxruntime``. They are
            part of the content key. Packages in ``weights`` are included automatically.
        models: parameters (``ModelName``) that name installed models, for ``ctx.weights``. The digests of those models
            are part of the content key, and only a worker that has them runs the node. "" names no model.
        part: the model of one part of a long output, for ``ctx.parts``. Its fields are the outputs that come in parts,
            with their types. Nodes that declare such inputs as ``InParts`` start with the first part.
        advanced: parameters that forms hide by default.
        metrics: what it records with ``ctx.metric``: unit, better direction and meaning, which front ends show.

    Raises:
        WorkbenchError: node.bad_declaration, naming the file and the field.
    """

    def declare(run: Run) -> Run:
        file = inspect.getsourcefile(run) or "?"

        def refuse(field: str, problem: str, remedy: str) -> typing.NoReturn:
            raise WorkbenchError(
                "node.bad_declaration", f"{service}: {problem}", where=f"{file}: {field}", remedy=remedy
            )

        types = _models_of(run, refuse)
        for model in types:
            _check_fields(model, refuse)
        for output, shown in (same_subject or {}).items():
            if output not in types[2].model_fields or shown not in {
                **types[1].model_fields,
                **types[0].model_fields,
            }:
                refuse(
                    "same_subject",
                    f"{output!r}: {shown!r} is not a pair of an output and an input or a parameter",
                    "Use {output: input} with names of fields of Outputs and of Inputs or Params.",
                )
        for name, needs in (portraits or {}).items():
            if name not in types[1].model_fields:
                refuse("portraits", f"{name!r} is not an input", "Use names of fields of Inputs.")
            if needs.chosen_by and needs.chosen_by not in types[0].model_fields:
                refuse("portraits", f"{needs.chosen_by!r} is not a parameter", "Use the name of a field of Params.")
        for name, of_part in (part.model_fields if part else {}).items():
            whole = types[2].model_fields.get(name)
            if whole is None or field_type(whole) != field_type(of_part):
                refuse("part", f"{name!r} is not an output, or has another type", "Use fields of Outputs.")
        for name in models:
            if name not in types[0].model_fields:
                refuse("models", f"{name!r} is not a parameter", "Use names of fields of Params.")
        for name in advanced:
            if name not in types[0].model_fields:
                refuse("advanced", f"{name!r} is not a parameter", "Use names of fields of Params.")
        if len({metric.name for metric in metrics}) < len(metrics):
            refuse("metrics", "a metric is declared twice", "Declare each metric once.")
        if plane not in tuple(Plane):
            refuse("plane", f"plane is {plane!r}", 'Use "control" or "data".')
        if isinstance(tags, str) or not all(_TAG.fullmatch(tag) for tag in tags):
            refuse("tags", f"{tags!r} is not a tuple of tags", 'Use lower-case words: ("tts", "english").')
        if asks and plane != Plane.CONTROL:
            refuse("asks", "a node that asks a person must run on the control plane", 'Set plane="control".')
        for field, names in (("weights", weights), ("packages", packages)):
            if isinstance(names, str) or not all(_DISTRIBUTION.fullmatch(name) for name in names):
                refuse(field, f"{names!r} is not a tuple of distributions", 'Use names as in ("onnxruntime", "av").')
        earlier = DECLARED.get(service)
        # To Python, a cell that runs again is a different file; its new declaration replaces the earlier one.
        of_cells = earlier is not None and earlier.run.__module__ == run.__module__ == "__main__"
        if earlier is not None and not of_cells and Path(earlier.file) != Path(file):
            refuse("service", f"it is also declared in {earlier.file}", "Rename one of the two.")
        identity.declared(run.__module__, file)
        DECLARED[service] = NodeDeclaration(
            service=service,
            version=version,
            title=title or _in_words(service.rpartition(".")[2]),
            category=category or _in_words(service.partition(".")[0]),
            tags=tags,
            plane=Plane(plane),
            pool=pool or ("control" if plane == Plane.CONTROL else "cpu"),
            run=run,
            params=types[0],
            inputs=types[1],
            outputs=types[2],
            resources=resources or Resources(),
            seeded=seeded,
            cache=cache and not asks,
            asks=asks,
            check=check,
            same_subject=dict(same_subject or {}),
            portraits=dict(portraits or {}),
            model_packages=weights,
            packages=tuple(dict.fromkeys((*weights, *packages))),
            models=models,
            advanced=advanced,
            part=part,
            metrics=tuple(metrics),
            doc=_doc(run),
            file=file,
        )
        return run

    return declare


def _in_words(name: str) -> str:
    """upscale_image -> Upscale image"""
    return name.replace("_", " ").capitalize()


def _doc(run: RunFunction) -> str:
    module = inspect.getmodule(run) if run.__module__ != "__main__" else None  # a notebook's docstring is unrelated
    return (inspect.getdoc(module) if module else None) or inspect.getdoc(run) or ""


def _models_of(run: RunFunction, refuse: Callable[[str, str, str], typing.NoReturn]) -> tuple[type[BaseModel], ...]:
    hints = typing.get_type_hints(run)
    models = []
    for name in ("params", "inputs", "return"):
        model = hints.get(name)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            refuse(
                name,
                f"{name} is not annotated with a pydantic model",
                "Declare run(ctx, params: Params, inputs: Inputs) -> Outputs.",
            )
        models.append(model)
    return tuple(models)


def _check_fields(model: type[BaseModel], refuse: Callable[[str, str, str], typing.NoReturn]) -> None:
    for name, field in model.model_fields.items():
        where = f"{model.__name__}.{name}"
        if not field.description:
            refuse(where, f"{where} has no description", "Add Field(…, description=…), which becomes the form's label.")
        if model.__name__ == "Params" and field.is_required():
            refuse(where, f"{where} has no default", "Add a default, or make the required value an input.")


def field_type(field: FieldInfo) -> Any:
    """The type of an input or output without Optional and InParts, for comparing an output with an input."""
    if (kind := kind_in_parts(field.annotation)) is not None:
        return kind
    args = [arg for arg in typing.get_args(field.annotation) if arg is not type(None)]
    is_union = type(None) in typing.get_args(field.annotation)
    return args[0] if is_union and len(args) == 1 else field.annotation
