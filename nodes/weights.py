"""The models on this machine: a folder of files for each, with a record of their digests.

`workbench models` fills the folders; a node only reads them. The digest of a model is part of the content key of each
node that uses it, so a result says which weights made it, and other weights never get its cached result.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from nodes import catalogue
from schemas.errors import WorkbenchError

RECORD = "installed.json"
ModelName = Annotated[str, StringConstraints(pattern=rf"^({catalogue.NAME})?$")]


def _inside(path: str) -> str:
    """A record can come from another machine, and must not name files outside of the model's folder."""
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} is not a path inside the model's folder")
    return path


RecordedPath = Annotated[str, AfterValidator(_inside)]


class WeightFile(BaseModel):
    """One file of a model as it was when its digest was computed."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    size_bytes: int
    changed_ns: int = Field(description="Time of its last change, by which a later change is noticed.")


class InstalledModel(BaseModel):
    """The record of a model on this machine."""

    model_config = ConfigDict(frozen=True, extra="allow")

    digest: str = Field(description="SHA-256 over the names and digests of all files.")
    files: dict[RecordedPath, WeightFile] = Field(description="By path inside the model's folder.")
    title: str = Field("", description="Its name for people.")
    source: str = Field("", description="Where the files came from.")
    revision: str = Field("", description="The commit of the source.")
    licence: str = Field("", description="Name of the terms, as the catalogue or the person who imported it gave it.")
    licence_url: str = ""
    accepted_at: float | None = Field(None, description="Unix time at which a person accepted the terms.")
    first_recorded: tuple[str, ...] = Field((), description="Files without a public digest: the first download counts.")
    own: bool = Field(False, description="Imported under a name of the user's own.")


def installed(models: Path) -> dict[str, InstalledModel]:
    """The models below a folder by name. Those with an unreadable record are left out."""
    found = {}
    for folder in sorted(models.iterdir()) if models.is_dir() else ():
        if (record := read_record(folder)) is not None:
            found[folder.name] = record
    return found


def locate(models: Path, name: str) -> Path:
    """The folder of an installed model whose files are as they were recorded. Takes a stat for each file.

    Raises WorkbenchError: node.model_unavailable if it is not installed, model.damaged if its files changed.
    """
    folder = models / name
    record = read_record(folder) if name else None
    if record is None:
        raise WorkbenchError(
            "node.model_unavailable",
            f"the model {name!r} is not installed on this worker's machine",
            where=str(folder),
            seen=", ".join(installed(models)) or "no models",
            allowed="the name of an installed model",
            remedy=catalogue.remedy(name, models) if name else "Choose a model: `workbench models list` shows them.",
        )
    for path in changed(folder, record):
        recorded = record.files[path]
        raise WorkbenchError(
            "model.damaged",
            f"a file of the model {name} is not the one that was installed",
            where=str(folder / path),
            seen="changed, or missing",
            allowed=f"{recorded.size_bytes} bytes with the SHA-256 {recorded.sha256[:12]}…",
            remedy=f"Run `workbench models verify {name}`. It says what differs and how to get the file again.",
        )
    return folder


def changed(folder: Path, record: InstalledModel) -> Iterator[str]:
    """The files of a model that are not as they were recorded, by size and time of the last change."""
    for path, recorded in record.files.items():
        if _stamp(folder / path) != (recorded.size_bytes, recorded.changed_ns):
            yield path


def read_record(folder: Path) -> InstalledModel | None:
    """The record in a model's folder; None if there is none that can be read."""
    try:
        return recorded(folder)
    except (OSError, ValidationError):
        return None


def recorded(folder: Path) -> InstalledModel:
    """The record in the folder of an installed model, as ``locate`` returns it. Raises OSError, ValidationError."""
    return InstalledModel.model_validate_json((folder / RECORD).read_bytes())


def record(folder: Path, digests: Mapping[str, str] | None = None, **about: object) -> InstalledModel:
    """Write the record of all files in a model's folder. Blocks; reads the bytes of files without a known digest.

    Args:
        digests: SHA-256 of files by path, as the caller has just computed them.
        about: further facts to keep in the record: source, revision, licence.
    """
    known = digests or {}
    files = {
        path: WeightFile(sha256=known.get(path) or file_digest(folder / path), **_facts(folder / path))
        for path in file_paths(folder)
    }
    digest = digest_of({path: file.sha256 for path, file in files.items()})
    model = InstalledModel.model_validate({**about, "digest": digest, "files": files})
    _write(folder, model)
    return model


def renew(folder: Path, record: InstalledModel, damaged: Collection[str]) -> None:
    """Write a record again after its files were read: the right ones get their time of change, damaged ones are marked,
    so that `locate` refuses them."""
    files = {
        path: file.model_copy(update={"changed_ns": -1} if path in damaged else _facts(folder / path))
        for path, file in record.files.items()
    }
    _write(folder, record.model_copy(update={"files": files}))


def _write(folder: Path, record: InstalledModel) -> None:
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".record-", delete=False) as written:
        written.write(record.model_dump_json(indent=1))
    Path(written.name).chmod(0o644)  # a folder of models can belong to one account and serve others
    Path(written.name).replace(folder / RECORD)


def file_paths(folder: Path) -> Iterator[str]:
    """The files of a model, relative to its folder, without its record, hidden files and hidden folders."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path != folder / RECORD and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file. Blocks; reads every byte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(files: dict[str, str]) -> str:
    """SHA-256 (hex) over paths and digests."""
    digest = hashlib.sha256()
    for path, sha256 in sorted(files.items()):
        digest.update(f"{path} {sha256}\n".encode())
    return digest.hexdigest()


def _facts(path: Path) -> dict[str, int]:
    size, changed = _stamp(path) or (0, 0)
    return {"size_bytes": size, "changed_ns": changed}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
