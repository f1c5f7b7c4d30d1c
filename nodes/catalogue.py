"""The catalogue of models: where the files of each come from, their digests, its licence, and the services that use it.

`models.toml` beside this module is shipped. A `models.toml` in the folder of models adds models and licences, or
overrides single fields of a shipped model, such as its source.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from schemas.errors import WorkbenchError
from schemas.problem import UNKNOWN_FIELD, problems_of

FILE = "models.toml"
SHIPPED = Path(__file__).with_name(FILE)
PICKLES = (".pt", ".pth", ".ckpt", ".bin")  # may hold pickled Python objects
NAME = r"[a-z0-9][a-z0-9._-]{0,79}"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# Below the model's folder; no part begins with a dot, so none leaves the folder.
FilePath = Annotated[str, StringConstraints(pattern=r"^\w[\w.+-]*(/\w[\w.+-]*)*$", max_length=200)]
Web = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class Licence(_Entry):
    """The terms of a model."""

    title: str = Field(min_length=1, description="Its name.")
    url: Web = Field(description="Its text.")
    says: str = Field(min_length=1, description="What it restricts, in one sentence.")


class Source(_Entry):
    """Where the files of a model are: a repository of Hugging Face at one revision, or the start of a URL."""

    huggingface: str = Field("", pattern=r"^([\w.-]+/[\w.-]+)?$", description="owner/name of the repository.")
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$", description="Its commit, because a branch moves.")
    url: str = Field("", pattern=r"^(https?://[^\s]+/)?$", description="What the names of the files are appended to.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.huggingface) == bool(self.url) or bool(self.huggingface) != bool(self.revision):
            raise ValueError("a source has `huggingface` with `revision`, or `url`")
        return self


class ModelFile(_Entry):
    """One file of a model."""

    path: FilePath = Field(description="Where it is in the model's folder.")
    origin: str = Field("", alias="from", pattern=r"^[^\s]*$", description="Its path at the source; default: `path`.")
    size: int | None = Field(None, gt=0, description="Bytes; missing if no public source says it.")
    sha256: Sha256 | None = Field(None, description="Missing if no public source says it.")

    @property
    def is_pickle(self) -> bool:
        return self.path.endswith(PICKLES)

    @model_validator(mode="after")
    def _pickle_by_digest(self) -> Self:
        if self.is_pickle and not self.sha256:
            raise ValueError(f"{self.path} may hold pickled objects, so it needs its `sha256`")
        return self


class Model(_Entry):
    """A model of the catalogue."""

    name: str = Field(pattern=f"^{NAME}$")
    title: str = Field(min_length=1)
    licence: Licence
    services: tuple[str, ...] = Field(description="Services that can use it.")
    source: Source
    gated: bool = Field(False, description="The source asks for an account that accepted its terms (HF_TOKEN).")
    files: tuple[ModelFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _paths_differ(self) -> Self:
        paths = [file.path for file in self.files]
        twice = next((path for path in paths if paths.count(path) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is there twice")
        return self

    @property
    def known_bytes(self) -> int:
        """The sum of the sizes that are known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def sizes_known(self) -> bool:
        return all(file.size for file in self.files)


class Catalogue:
    """The models by name.

    Attributes:
        own: names of the models that the user's own file adds or changes.
    """

    def __init__(self, models: Mapping[str, Model], own: frozenset[str]) -> None:
        self.models = dict(models)
        self.own = own

    def get(self, name: str) -> Model:
        """Raises WorkbenchError (model.unknown)."""
        if name not in self.models:
            raise WorkbenchError(
                "model.unknown",
                f"the catalogue has no model {name!r}",
                seen=name,
                allowed=sorted(self.models),
                remedy="`workbench models list` shows the models. For files of your own: "
                f"`workbench models import FOLDER --name {name if re.fullmatch(NAME, name) else 'NAME'}`.",
            )
        return self.models[name]

    def models_for(self, service: str) -> tuple[Model, ...]:
        """The models that a service can use, in the order of the catalogue."""
        return tuple(model for model in self.models.values() if service in model.services)

    def remedy(self, name: str) -> str:
        """A sentence with the command that gets a model that is not installed."""
        if name in self.models:
            return f"Run `workbench models fetch {name}` there."
        return f"Run `workbench models import FOLDER --name {name}` there, or choose one of `workbench models list`."


def load(models: Path | None = None) -> Catalogue:
    """The shipped catalogue with the user's own file from the folder of models. A few ms.

    Raises WorkbenchError (model.bad_catalogue) with the file, the line and the field.
    """
    shipped = _read(SHIPPED)
    licences, entries = dict(shipped.get("licences", {})), dict(shipped.get("models", {}))
    places = dict.fromkeys(entries, SHIPPED)
    own = models / FILE if models is not None else None
    if own is not None and own.is_file():
        added = _read(own)
        licences |= added.get("licences", {})
        for name, entry in added.get("models", {}).items():
            entries[name] = {**entries.get(name, {}), **entry} if isinstance(entry, dict) else entry
            places[name] = own
    known = {name: _licence(name, terms, own or SHIPPED) for name, terms in licences.items()}
    read = {name: _model(name, entry, known, places[name]) for name, entry in entries.items()}
    return Catalogue(read, frozenset(name for name, place in places.items() if place != SHIPPED))


def models_for(service: str, models: Path | None = None) -> tuple[Model, ...]:
    """The models that a service can use. Raises WorkbenchError (model.bad_catalogue)."""
    return load(models).models_for(service)


def remedy(name: str, models: Path | None = None) -> str:
    """A sentence with the command that gets a missing model. Raises WorkbenchError (model.bad_catalogue)."""
    return load(models).remedy(name)


def _read(file: Path) -> dict[str, Any]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # tomllib says the line
        raise _bad(file, str(error)) from None
    for key, value in read.items():
        if key not in ("licences", "models"):
            raise _bad(file, "this table is not known here", _line(file, (key,)), key, allowed="licences, models")
        if not isinstance(value, dict):
            raise _bad(file, f"`{key}` is not a table", _line(file, (key,)), key)
    return read


def _licence(name: str, terms: object, file: Path) -> Licence:
    try:
        return Licence.model_validate(terms)
    except ValidationError as error:
        raise _invalid(error, file, ("licences", name)) from None


def _model(name: str, entry: object, licences: Mapping[str, Licence], file: Path) -> Model:
    at = ("models", name)
    if not isinstance(entry, dict):
        raise _bad(file, f"`{name}` is not a table", _line(file, at), f"models.{name}")
    licence = entry.get("licence")
    if not isinstance(licence, str) or licence not in licences:
        raise _bad(
            file,
            "the licence is missing" if licence is None else "there is no such table in `licences`",
            _line(file, (*at, "licence")),
            f"models.{name}.licence",
            seen=licence,
            allowed=sorted(licences),
        )
    try:
        return Model.model_validate({**entry, "name": name, "licence": licences[licence]})
    except ValidationError as error:
        raise _invalid(error, file, at) from None


def _invalid(error: ValidationError, file: Path, at: tuple[str, ...]) -> WorkbenchError:
    problems = problems_of(error)
    unknown = (one for one in problems if one.seen is not None and one.text == UNKNOWN_FIELD)
    problem = next(unknown, problems[0])  # a misspelt key says more than the key that is missing because of it
    place = ".".join([*at, *([problem.place] if problem.place else [])])
    return _bad(file, problem.text, _line(file, (*at, *problem.loc)), place, seen=problem.seen, allowed=problem.allowed)


def _bad(
    file: Path, text: str, line: int | None = None, place: str = "", seen: object = None, allowed: object = None
) -> WorkbenchError:
    where = f"{file}:{line}" if line else str(file)
    return WorkbenchError(
        "model.bad_catalogue",
        f"the catalogue of models cannot be read: {text}",
        where=f"{where}: {place}" if place else where,
        seen=seen,
        allowed=allowed,
        remedy="Correct the file. docs/models.md shows an entry.",
    )


def _line(file: Path, at: tuple[int | str, ...]) -> int | None:
    """The line of a table, or of the key below it; None if it is written in another way."""
    table, keys = at[:2], [part for part in at[2:] if isinstance(part, str)]
    heading = re.compile(r"\[" + r"\.".join(rf"""["']?{re.escape(str(part))}["']?""" for part in table))
    found: int | None = None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("["):
            if found is not None:
                return found  # the key is not in the table
            found = number if heading.match(line.lstrip()) else None
        if found is not None and keys and re.search(rf"\b{re.escape(keys[-1])}\b\s*=", line):
            return number
    return found
