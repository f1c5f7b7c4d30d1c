"""Verifies installed models: reads every byte and compares it with the record and the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes import weights
from nodes.catalogue import Catalogue
from nodes.weights import InstalledModel
from workbench.weights.folder import ModelFolder


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was recorded."""

    path: str
    what: str


@dataclass(frozen=True)
class Verified:
    """A model after its verification.

    Attributes:
        renewed: all bytes are right, but times of change were not, so the record was written again.
        remedy: what to do; empty if nothing differs.
    """

    name: str
    files: int
    bytes: int
    differences: tuple[Difference, ...]
    renewed: bool
    remedy: str


def verify(
    folder: ModelFolder, catalogue: Catalogue, names: Sequence[str], reads: Callable[[str, int], None]
) -> list[Verified]:
    """Verify installed models. Blocks; reads every byte. A file that differs is refused to nodes from then on.

    Args:
        names: installed models.
        reads: called with the name of a model and its bytes, before they are read.

    Raises WorkbenchError: model.unknown for a model that is not installed, home.not_writable.
    """
    found = []
    for name in names:
        record = folder.record(name)
        if record is None:
            catalogue.get(name)  # an unknown name is an error of its own
            found.append(Verified(name, 0, 0, (Difference("", "not installed"),), False, catalogue.remedy(name)))
            continue
        reads(name, sum(file.size_bytes for file in record.files.values()))
        found.append(_verified(folder, catalogue, name, record))
    return found


def _verified(folder: ModelFolder, catalogue: Catalogue, name: str, record: InstalledModel) -> Verified:
    here = folder.of(name)
    digests, differences = {}, []
    for path, recorded in record.files.items():
        seen = _digest(here / path)
        if seen is None:
            differences.append(Difference(path, "missing"))
        elif seen != recorded.sha256:
            differences.append(Difference(path, f"has the SHA-256 {seen[:12]}…, recorded {recorded.sha256[:12]}…"))
        else:
            digests[path] = seen
    bad = {one.path for one in differences}
    differences += [Difference(path, "not recorded") for path in weights.file_paths(here) if path not in record.files]
    model = catalogue.models.get(name)
    for file in model.files if model and not record.own else ():
        recorded_as = record.files.get(file.path)
        if recorded_as is None or file.sha256 not in (None, recorded_as.sha256):
            differences.append(Difference(file.path, "the catalogue names another file"))
    stale = set(weights.changed(here, record)) - bad
    renewed = False
    if bad or stale:
        with folder.writing():
            weights.renew(here, record, bad)
        renewed = not bad
    return Verified(
        name,
        len(record.files),
        sum(file.size_bytes for file in record.files.values()),
        tuple(differences),
        renewed,
        _remedy(name, differences, record, known=model is not None),
    )


def _digest(path: Path) -> str | None:
    return weights.file_digest(path) if path.is_file() else None


def _remedy(name: str, differences: Sequence[Difference], record: InstalledModel, known: bool) -> str:
    if not differences:
        return ""
    if all(one.what == "not recorded" for one in differences):
        return "Remove the files that are not recorded, or import the folder again."
    if known and not record.own:
        return f"`workbench models fetch {name}` gets the files that differ again."
    return f"`workbench models import FOLDER --name {name}` installs it again from its files."
