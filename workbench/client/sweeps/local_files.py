"""Makes a spec that was written on this machine independent of it: manifests become choices, files are uploaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.problem import invalid
from schemas.sweep import Axis, Choice, SweepSpec
from workbench.client.consent import EntryPoint, check_files
from workbench.client.deployment import Deployment
from workbench.client.files import SAMPLE, path_or_name, portrait_file
from workbench.client.sweeps.axes import text_of
from workbench.client.sweeps.manifest import bad_row, read_manifest, read_text, yaml_of
from workbench.client.uploads import store_file
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import InputField, Pipeline

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SPEC = (".yaml", ".yml", ".json")


def read_spec(path: Path) -> SweepSpec:
    """The spec in a file. Raises WorkbenchError: manifest.unreadable, sweep.bad_spec."""
    return spec_of(yaml_of(path, read_text(path, _SPEC)), where=path.name)


def read_spec_text(text: str) -> SweepSpec:
    """The spec in a text that somebody pasted. Raises WorkbenchError: manifest.unreadable, sweep.bad_spec."""
    return spec_of(yaml_of(Path("the text"), text))


def spec_of(given: Any, where: str = "spec") -> SweepSpec:
    """A spec from plain values. Raises WorkbenchError (sweep.bad_spec) with the field."""
    try:
        return SweepSpec.model_validate(given)
    except ValidationError as error:
        raise invalid(error, "sweep.bad_spec", where=where, remedy="docs/sweeps.md describes the fields.") from None


@dataclass
class _Found:
    """The files that a spec names."""

    base: Path
    kinds: dict[Path, str] = field(default_factory=dict)
    where: dict[Path, str] = field(default_factory=dict)

    def take(self, value: Any, wanted: InputField, where: str, base: Path | None = None) -> Any:
        """The value, or the path of the file that it names."""
        if (digest := getattr(getattr(value, "ref", value), "sha256", None)) is not None:  # an artifact, a reference
            return str(digest)
        if not isinstance(value, str | Path) or not str(value) or _DIGEST.fullmatch(str(value)):
            return value
        path = Path(value).expanduser()
        inside = (base or self.base) / path
        if str(value) == SAMPLE and wanted.form.sample and not inside.exists():
            inside = path
        elif not inside.is_file() and isinstance(path_or_name(str(value), wanted), str):
            return str(value)  # the name of a LoRA
        self.kinds[inside] = wanted.upload_kind
        self.where.setdefault(inside, where)
        return inside


def with_stored_files(
    deployment: Deployment,
    spec: SweepSpec,
    base: Path,
    consent: Consent | None = None,
    *,
    owner: str,
    entry: EntryPoint,
) -> SweepSpec:
    """The spec with the digests of its files, which are uploaded, and with the rows of its manifests as choices.

    Args:
        base: the folder from which the spec names files.

    Raises WorkbenchError: manifest.*, consent.*, and the errors of an upload.
    """
    found = _Found(base)
    named = _map(spec, found)
    paths = {
        path: portrait_file(path, deployment.settings.home) if str(path) == SAMPLE else path for path in found.kinds
    }
    for path, opened in paths.items():
        if not opened.is_file():
            raise WorkbenchError(
                "sweep.bad_spec",
                f"there is no file {path}",
                where=found.where[path],
                seen=str(path),
                allowed=f"a file ({found.kinds[path]}), relative to {base}",
                remedy="Correct the path.",
            )
    checked = {f"{found.where[path]}: {path.name}": (opened, found.kinds[path]) for path, opened in paths.items()}
    check_files(deployment, checked, consent, owner=owner, entry=entry)
    digests = {
        path: store_file(deployment, opened, found.kinds[path], owner=owner)[0].sha256 for path, opened in paths.items()
    }
    return _replaced(named, lambda value: digests.get(value, value) if isinstance(value, Path) else value)


def _map(spec: SweepSpec, found: _Found) -> SweepSpec:
    pipeline = find_pipeline(spec.pipeline)
    axes = [_axis(axis, number, pipeline, found) for number, axis in enumerate(spec.axes)]
    options = _options(spec.options, pipeline, found, "options")
    return spec.model_copy(update={"options": options, "axes": axes})


def _axis(axis: Axis, number: int, pipeline: Pipeline, found: _Found) -> Axis:
    where = f"axes.{number}"
    if axis.manifest is not None:
        choices = _rows(axis.manifest, pipeline, found, where)
        name = axis.name or Path(axis.manifest).stem
        return axis.model_copy(update={"manifest": None, "name": name, "choices": choices})
    if axis.choices is not None:
        taken = [
            one.model_copy(
                update={
                    "options": _options(
                        one.options, find_pipeline(one.pipeline) if one.pipeline else pipeline, found, where
                    ),
                    "label": one.label or _label(one),
                }
            )
            for one in axis.choices
        ]
        return axis.model_copy(update={"choices": taken})
    wanted = pipeline.inputs.get(axis.param or "")
    if axis.values is not None and wanted is not None and wanted.kind.is_file:
        choices = [
            Choice(label=_stem(value), options={wanted.name: found.take(value, wanted, where)}) for value in axis.values
        ]
        return axis.model_copy(
            update={"param": None, "values": None, "choices": choices, "name": axis.name or wanted.name}
        )
    return axis


def _rows(given: str, pipeline: Pipeline, found: _Found, where: str) -> list[Choice]:
    path = found.base / Path(given).expanduser()
    choices = []
    for item in read_manifest(path).items:
        options: dict[str, Any] = {}
        params: dict[str, dict[str, Any]] = {}
        for name, value in item.values.items():
            node, dot, param = name.partition(".")
            if dot:
                params.setdefault(node, {})[param] = value
            elif (wanted := pipeline.inputs.get(name)) is not None and wanted.kind.is_file:
                options[name] = found.take(value, wanted, f"{where}.manifest, row {item.id}", path.parent)
            elif wanted is not None or name == "seed":
                options[name] = value
            else:
                raise bad_row(
                    path,
                    f"row {item.id}",
                    f"{pipeline.name} has no input {name}",
                    seen=name,
                    allowed=[*pipeline.inputs, "seed", "node.parameter"],
                )
        choices.append(Choice(label=item.id, options=options, params=params))
    return choices


def _options(given: dict[str, Any], pipeline: Pipeline, found: _Found, where: str) -> dict[str, Any]:
    return {
        name: found.take(value, wanted, f"{where}.{name}")
        if (wanted := pipeline.inputs.get(name)) is not None and wanted.kind.is_file
        else value
        for name, value in given.items()
    }


def _replaced(spec: SweepSpec, replace: Callable[[Any], Any]) -> SweepSpec:
    def options(given: dict[str, Any]) -> dict[str, Any]:
        return {name: replace(value) for name, value in given.items()}

    axes = [
        axis.model_copy(
            update={"choices": [one.model_copy(update={"options": options(one.options)}) for one in axis.choices]}
        )
        if axis.choices is not None
        else axis
        for axis in spec.axes
    ]
    return spec.model_copy(update={"options": options(spec.options), "axes": axes})


def _label(choice: Choice) -> str:
    """A label from the files' names where a choice only chooses files; else none, so that its values say it."""
    if choice.params or choice.leave_out or choice.pipeline or not choice.options:
        return ""
    return text_of(", ".join(_stem(value) for value in choice.options.values()))


def _stem(value: Any) -> str:
    name = getattr(value, "name", None) or str(value)
    path = Path(str(name))
    return path.stem if path.suffix and len(str(name)) < 200 else text_of(name)
