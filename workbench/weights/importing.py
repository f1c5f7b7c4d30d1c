"""Imports models from this machine: a folder of models that was copied from elsewhere, or files of one's own."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nodes import weights
from nodes.catalogue import NAME, PICKLES, Catalogue, Model
from nodes.weights import InstalledModel
from schemas.errors import WorkbenchError
from workbench.weights.errors import differs
from workbench.weights.folder import ModelFolder, State
from workbench.weights.pickles import check_pickle
from workbench.weights.placing import Placed, place, shares_disk
from workbench.weights.safetensors import check_safetensors

_WEIGHTS = (".safetensors", *PICKLES)
_CODE = (".py", ".pkl")  # never needed to load weights
_LOCK_S = 0.2


@dataclass(frozen=True)
class Planned:
    """A model to import.

    Attributes:
        files: where each file is now, by its path in the model's folder.
        expected: SHA-256 of the files for which the catalogue or the record that came with them says it.
        model: its entry in the catalogue; None for a model of one's own.
        record: the record that came with it.
        left_out: files that are not imported, and why.
    """

    name: str
    origin: Path
    files: dict[str, Path]
    expected: dict[str, str]
    model: Model | None = None
    record: InstalledModel | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())

    @property
    def accepted_at(self) -> float | None:
        return self.record.accepted_at if self.record else None


@dataclass(frozen=True)
class Imported:
    """A model after its import."""

    name: str
    digest: str
    bytes: int
    already: bool
    how: tuple[Placed, ...]


def plan(given: Path, catalogue: Catalogue, name: str = "") -> list[Planned]:
    """What an import would do. Reads no file.

    Args:
        given: a folder of models, the folder of one model, or a single file of weights.
        name: the model's name; empty: the names of the folders.

    Raises WorkbenchError: model.bad_import.
    """
    if not given.exists():
        raise _bad("there is no such file or folder", given)
    if name:
        if not re.fullmatch(NAME, name):
            raise _bad("this is not a name for a model", given, seen=name, allowed=f"text matching {NAME}")
        return [_one(given, catalogue, name)]
    if given.is_file():
        raise _bad("a single file needs a name", given, remedy="Add --name NAME.")
    folders = (
        [given] if (given / weights.RECORD).is_file() else [one for one in sorted(given.iterdir()) if one.is_dir()]
    )
    named = [one for one in folders if re.fullmatch(NAME, one.name)]
    known = [one for one in named if weights.read_record(one) is not None or one.name in catalogue.models]
    if not known:
        raise _bad(
            "the folder has no folder of a model: neither a record nor a name of the catalogue",
            given,
            seen=", ".join(one.name for one in folders[:8]) or "no folders",
            remedy="To import one model from it, add --name NAME.",
        )
    return [_one(one, catalogue, one.name) for one in known]


def run(
    folder: ModelFolder,
    planned: Sequence[Planned],
    accepted_at: float | None,
    services: Sequence[str],
    say: Callable[[str], None],
) -> list[Imported]:
    """Import models, each with the check of its digests and pickles before it is in place. Blocks; reads every byte.

    Raises WorkbenchError: model.differs, model.unsafe, model.unreadable, model.no_space, model.no_record,
    home.not_writable.
    """
    with folder.writing():
        folder.root.mkdir(parents=True, exist_ok=True)
        copied = sum(one.bytes for one in planned if not shares_disk(one.origin, folder.root))
        folder.check_space(copied, "the import needs")
        return [_import(folder, one, accepted_at, services, say) for one in planned]


def _one(given: Path, catalogue: Catalogue, name: str) -> Planned:
    model = catalogue.models.get(name)
    record = weights.read_record(given) if given.is_dir() else None
    if model is not None:
        return _of_catalogue(given, model, record)
    if record is not None:
        files = {path: given / path for path in record.files}
        _all_there(files, given)
        return Planned(name, given, files, {path: one.sha256 for path, one in record.files.items()}, record=record)
    return _own(given, name)


def _of_catalogue(given: Path, model: Model, record: InstalledModel | None) -> Planned:
    """The files of a catalogue's model, under their names in the model's folder or at the source."""
    files = {}
    for file in model.files:
        if given.is_file() and len(model.files) == 1:
            files[file.path] = given
            continue
        named = (given / file.path, given / file.origin if file.origin else given / file.path)
        there = next((path for path in named if path.is_file()), None)
        files[file.path] = there or named[0]
    _all_there(files, given)
    expected = {file.path: file.sha256 for file in model.files if file.sha256}
    recorded = {path: one.sha256 for path, one in record.files.items() if path in files} if record else {}
    return Planned(model.name, given, files, {**recorded, **expected}, model=model, record=record)


def _own(given: Path, name: str) -> Planned:
    if given.is_file():
        if not given.name.endswith(_WEIGHTS):
            raise _bad("this is not a file of weights", given, seen=given.suffix or given.name, allowed=_WEIGHTS)
        return Planned(name, given, {given.name: given}, {})
    files, left_out = {}, {}
    for path in weights.file_paths(given):
        file = given / path
        if path.endswith(_CODE):
            left_out[path] = "code is not needed to load weights"
        elif path.endswith(PICKLES) and any(file.parent.glob("*.safetensors")):
            left_out[path] = "there is a .safetensors beside it"
        else:
            files[path] = file
    if not any(path.endswith(_WEIGHTS) for path in files):
        raise _bad(
            "the folder has no file of weights",
            given,
            seen=", ".join(list(files)[:8]) or "no files",
            allowed="a diffusers folder (model_index.json and folders with .safetensors), or files of weights",
        )
    return Planned(name, given, files, {}, left_out=left_out)


def _import(
    folder: ModelFolder,
    planned: Planned,
    accepted_at: float | None,
    services: Sequence[str],
    say: Callable[[str], None],
) -> Imported:
    with folder.lock(planned.name) as held:
        if not held():
            say(f"Another process is changing {planned.name}; this one waits for it.")
            while not held():
                time.sleep(_LOCK_S)
        record = folder.record(planned.name)
        if record is not None and folder.state(planned.name) is State.INSTALLED and _same(record, planned):
            return Imported(planned.name, record.digest, _bytes(record), True, ())
        if record is None or planned.model is not None:
            folder.check_place(planned.name)
        incoming = folder.partial(planned.name) / "import"
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            how, digests = set(), {}
            for path, source in planned.files.items():
                how.add(place(source, incoming / path))
                digests[path] = _checked(planned, path, incoming / path, source)
            record = folder.put(planned.name, incoming, digests, **_about(planned, accepted_at, services))
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
            with contextlib.suppress(OSError):  # there is an interrupted download
                incoming.parent.rmdir()
        for path, why in planned.left_out.items():
            say(f"left out {path}: {why}")
        return Imported(planned.name, record.digest, _bytes(record), False, tuple(sorted(how)))


def _checked(planned: Planned, path: str, file: Path, source: Path) -> str:
    """The digest of a file that is what it must be and would run no code."""
    sha256 = weights.file_digest(file)
    expected = planned.expected.get(path, sha256)
    if sha256 != expected:
        raise differs(f"{planned.name}/{path}", sha256, expected, str(source))
    if path.endswith(PICKLES):
        check_pickle(file, str(source))
    elif path.endswith(".safetensors") and path not in planned.expected:
        check_safetensors(file, str(source))
    return sha256


def _about(planned: Planned, accepted_at: float | None, services: Sequence[str]) -> dict[str, object]:
    record, model = planned.record, planned.model
    about: dict[str, object] = {"accepted_at": planned.accepted_at or accepted_at}
    if model is not None:
        unknown = tuple(file.path for file in model.files if file.sha256 is None)
        about |= {"title": model.title, "licence": model.licence.title, "licence_url": model.licence.url}
        about |= {"first_recorded": unknown, "revision": model.source.revision}
    elif record is not None:
        about |= {"title": record.title, "licence": record.licence, "licence_url": record.licence_url}
        about |= {"revision": record.revision, "services": list((record.model_extra or {}).get("services", []))}
    source = record.source if record and record.source else str(planned.origin)
    own = model is None and (record is None or record.own)
    return {**about, "source": source, "own": own, **({"services": list(services)} if services else {})}


def _same(record: InstalledModel, planned: Planned) -> bool:
    return bool(planned.expected) and {path: one.sha256 for path, one in record.files.items()} == planned.expected


def _bytes(record: InstalledModel) -> int:
    return sum(file.size_bytes for file in record.files.values())


def _all_there(files: dict[str, Path], given: Path) -> None:
    missing = [path for path, file in files.items() if not file.is_file()]
    if missing:
        raise _bad(
            "files of the model are missing", given, seen=f"without {', '.join(missing[:8])}", allowed=list(files)
        )


def _bad(
    text: str, given: Path, seen: object = None, allowed: object = None, remedy: str = "Correct the path."
) -> WorkbenchError:
    return WorkbenchError(
        "model.bad_import",
        f"this cannot be imported: {text}",
        where=str(given),
        seen=seen,
        allowed=allowed,
        remedy=remedy,
    )
