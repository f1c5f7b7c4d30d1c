"""The models on this machine: a folder of files for each, with a record of their digests.

`workbench models` fills the folders; a node only reads them. The digest of a model is part of the content key of each
node that uses it, so a result says which weights made it, and other weights never get its cached result.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.errors import WorkbenchError

RECORD = "installed.json"
ModelName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9._-]{0,79})?$")]


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
    files: dict[str, WeightFile] = Field(description="By path inside the model's folder.")


def installed(models: Path) -> dict[str, InstalledModel]:
    """The models below a folder by name. Those with an unreadable record are left out."""
    found = {}
    for folder in sorted(models.iterdir()) if models.is_dir() else ():
        if (record := _read(folder)) is not None:
            found[folder.name] = record
    return found


def locate(models: Path, name: str) -> Path:
    """The folder of an installed model whose files are as they were recorded. Takes a stat for each file.

    Raises WorkbenchError: node.model_unavailable if it is not installed, model.damaged if its files changed.
    """
    folder = models / name
    record = _read(folder) if name else None
    if record is None:
        raise WorkbenchError(
            "node.model_unavailable",
            f"the model {name!r} is not installed on this worker's machine",
            where=str(folder),
            seen=", ".join(installed(models)) or "no models",
            allowed="the name of an installed model",
            remedy=f"Run `workbench models fetch {name}` there, or `workbench models import` a folder.",
        )
    for path, recorded in record.files.items():
        if _stamp(folder / path) != (recorded.size_bytes, recorded.changed_ns):
            raise WorkbenchError(
                "model.damaged",
                f"a file of the model {name} is not the one that was installed",
                where=str(folder / path),
                seen="changed, or missing",
                allowed=f"{recorded.size_bytes} bytes with the SHA-256 {recorded.sha256[:12]}…",
                remedy=f"Run `workbench models verify {name}`. It says what differs and how to get the file again.",
            )
    return folder


def record(folder: Path, **about: object) -> InstalledModel:
    """Compute the digests of all files in a model's folder and write its record. Blocks; reads every byte.

    Args:
        about: further facts to keep in the record: source, revision, licence.
    """
    files = {path: WeightFile(sha256=_sha256(folder / path), **_facts(folder / path)) for path in _paths(folder)}
    model = InstalledModel(digest=digest_of({path: file.sha256 for path, file in files.items()}), files=files, **about)
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".record-", delete=False) as written:
        written.write(model.model_dump_json(indent=1))
    Path(written.name).replace(folder / RECORD)
    return model


def digest_of(files: dict[str, str]) -> str:
    """SHA-256 (hex) over paths and digests."""
    digest = hashlib.sha256()
    for path, sha256 in sorted(files.items()):
        digest.update(f"{path} {sha256}\n".encode())
    return digest.hexdigest()


def _read(folder: Path) -> InstalledModel | None:
    try:
        return InstalledModel.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def _paths(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path != folder / RECORD:
            yield path.relative_to(folder).as_posix()


def _facts(path: Path) -> dict[str, int]:
    size, changed = _stamp(path) or (0, 0)
    return {"size_bytes": size, "changed_ns": changed}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
