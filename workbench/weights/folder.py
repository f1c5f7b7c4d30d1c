"""The folder of models on disk: what is installed, what is half there, the lock of each model.

<models>/NAME/                 an installed model with its record; it appears and is replaced by a rename
<models>/.partial/NAME/        a download: `files/` in the model's layout, `accepted.json`
<models>/.locks/NAME           held by the process that changes the model
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from nodes import weights
from nodes.catalogue import Model
from nodes.weights import InstalledModel
from schemas.errors import WorkbenchError
from workbench.host import lock

RESERVE_BYTES = 512 * 2**20  # stays free beside the models


class State(StrEnum):
    """Whether a model can be used."""

    INSTALLED = "installed"
    DAMAGED = "damaged"  # a file changed after it was installed
    PARTIAL = "partial"  # a download that was interrupted
    MISSING = "missing"


class ModelFolder:
    """The folder of models of this machine. Nothing is read before it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, name: str) -> Path:
        """The folder of an installed model."""
        return self.root / name

    def partial(self, name: str) -> Path:
        """The folder of a download."""
        return self.root / ".partial" / name

    def record(self, name: str) -> InstalledModel | None:
        return weights.read_record(self.of(name))

    def state(self, name: str) -> State:
        """Takes a stat for each file; reads no file."""
        record = self.record(name)
        if record is not None:
            return State.DAMAGED if any(weights.changed(self.of(name), record)) else State.INSTALLED
        return State.PARTIAL if self.partial(name).is_dir() else State.MISSING

    def partials(self) -> list[str]:
        """The names of all downloads that are not finished."""
        folder = self.root / ".partial"
        return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []

    @contextmanager
    def lock(self, name: str) -> Iterator[Callable[[], bool]]:
        """Gives a function that takes the model's lock if it is free, and says whether this process holds it."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / name).open("ab") as file:
            yield lambda: lock(file, wait=False)

    def check_place(self, name: str) -> None:
        """Raises WorkbenchError (model.no_record) if files that are not from the catalogue would be replaced."""
        record = self.record(name)
        if self.of(name).exists() and (record is None or record.own):
            raise WorkbenchError(
                "model.no_record",
                f"{name} would replace files that {'you imported' if record else 'have no record'}",
                where=str(self.of(name)),
                seen="an import under this name" if record else "a folder without a record",
                remedy=f"Move the folder elsewhere. `workbench models import THERE --name {name}` takes its files.",
            )

    def put(self, name: str, files: Path, digests: Mapping[str, str], **about: object) -> InstalledModel:
        """Record the files of a finished download or import and put them in place of what is there.

        The model is absent for the moment between two renames if an older one is replaced. It is never half there.
        """
        record = weights.record(files, digests, **about)
        target, replaced = self.of(name), self.partial(name) / "replaced"
        if target.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            replaced.parent.mkdir(parents=True, exist_ok=True)
            target.rename(replaced)
        files.rename(target)
        self.drop_partial(name)
        return record

    def drop_partial(self, name: str) -> None:
        shutil.rmtree(self.partial(name), ignore_errors=True)

    def free_bytes(self) -> int:
        """Free space of the disk that holds the folder, also before the folder exists."""
        there = next(place for place in (self.root, *self.root.parents) if place.exists())
        return shutil.disk_usage(there).free

    def check_space(self, needed: int, what: str) -> None:
        """Raises WorkbenchError (model.no_space) unless so many bytes and the reserve are free."""
        free = self.free_bytes()
        if needed and free < needed + RESERVE_BYTES:
            raise WorkbenchError(
                "model.no_space",
                f"{what} {mib(needed)} more, and {mib(RESERVE_BYTES)} must stay free",
                where=str(self.root),
                seen=f"{mib(free)} are free",
                allowed=f"at least {mib(needed + RESERVE_BYTES)}",
                remedy=_MORE_SPACE,
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Convert an OSError of a write into the folder to an error with a remedy."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise WorkbenchError(
                    "model.no_space",
                    "the disk that holds the models is full; what was downloaded is kept",
                    where=str(error.filename or self.root),
                    seen=f"{mib(self.free_bytes())} are free",
                    remedy=_MORE_SPACE,
                ) from None
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise WorkbenchError(
                    "home.not_writable",
                    f"the folder of models cannot be written: {error.strerror}",
                    where=str(error.filename or self.root),
                    remedy="Set WORKBENCH_MODELS to a folder that you can write.",
                ) from None
            raise


_MORE_SPACE = (
    "Free some space there (`workbench models gc` removes interrupted downloads), or set WORKBENCH_MODELS to a folder "
    "on a larger disk. Then run the command again."
)


def fits(record: InstalledModel, model: Model) -> bool:
    """Whether an installed model has the files of the catalogue, with the digests that the catalogue knows."""
    there = {path: file.sha256 for path, file in record.files.items()}
    return all(file.path in there and file.sha256 in (None, there[file.path]) for file in model.files)


def mib(size: int) -> str:
    """A size in words: MiB, or GiB from one on."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
