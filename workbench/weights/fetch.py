"""Fetches models: licence, space, download, digests, a look into pickles, and only then the folder in place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nodes.catalogue import Model, ModelFile
from nodes.weights import InstalledModel, changed, file_digest
from schemas.errors import WorkbenchError
from workbench.weights import partial_file
from workbench.weights.download import Downloader, Limits, cause
from workbench.weights.errors import differs, not_fetched
from workbench.weights.exchange import Wanted
from workbench.weights.folder import ModelFolder, State, fits, mib
from workbench.weights.pickles import check_pickle
from workbench.weights.placing import place
from workbench.weights.safetensors import check_safetensors
from workbench.weights.sources import place_of, source_of

_LOCK_S = 0.2  # between two looks at a lock that another process holds


class Screen(Protocol):
    """Shows downloads."""

    def begin(self, model: str, files: int, bytes_here: int, bytes_all: int | None) -> None:
        """A model's download begins or goes on."""

    def moved(self, model: str, bytes_here: int) -> None:
        """So many bytes of the model are here."""

    def file_done(self, model: str, path: str, sha256: str, was_public: bool) -> None:
        """A file is whole and has its digest."""

    def say(self, text: str) -> None:
        """A sentence for people."""


@dataclass(frozen=True)
class Fetched:
    """A model after a fetch.

    Attributes:
        already: it was installed before.
        first_recorded: files without a public digest, whose digest was recorded now.
    """

    name: str
    digest: str
    bytes: int
    already: bool
    first_recorded: tuple[str, ...]


@dataclass(frozen=True)
class Fetch:
    """A fetch of models into a folder.

    Args:
        mirror: URL or folder with the layout of a folder of models; empty: the sources.
        accepted_at: time at which a person accepted the licences of this fetch, if one did.
    """

    folder: ModelFolder
    screen: Screen
    mirror: str = ""
    limits: Limits = field(default_factory=Limits)
    accepted_at: float | None = None

    def unaccepted(self, models: Sequence[Model]) -> list[Model]:
        """The models that are not installed and whose licence was not yet accepted on this machine."""
        return [one for one in models if not self._is_here(one) and self._accepted_at(one) is None]

    def run(self, models: Sequence[Model]) -> list[Fetched]:
        """Fetch the models, one after the other, several files and ranges of each at once.

        Ctrl-C keeps what was downloaded. Raises WorkbenchError: model.licence, model.no_space, model.no_record,
        model.not_fetched, model.gated, model.differs, model.unsafe, model.unreadable; settings.invalid,
        home.not_writable.
        """
        if refused := self.unaccepted(models):
            raise licence_error(refused)
        with self.folder.writing():
            return asyncio.run(self._run(models))

    async def _run(self, models: Sequence[Model]) -> list[Fetched]:
        done = {}  # bytes by file of the model that is being fetched

        def moved(wanted: Wanted, here: int) -> None:
            model = wanted.name.partition("/")[0]
            done[wanted.name] = here
            self.screen.moved(model, sum(done.values()))

        async with Downloader(self.limits, moved) as downloader:
            missing = [one for one in models if not self._is_here(one)]
            sizes = {one.name: await self._sizes(downloader, one) for one in missing}
            if missing:
                self._check_space(missing, sizes)
            fetched = []
            for model in models:
                done.clear()
                fetched.append(await self._model(downloader, model, sizes.get(model.name, {})))
            return fetched

    async def _model(self, downloader: Downloader, model: Model, sizes: dict[str, int | None]) -> Fetched:
        with self.folder.lock(model.name) as held:
            if not held():
                self.screen.say(f"Another process is fetching {model.name}; this one waits for it.")
                while not held():
                    await asyncio.sleep(_LOCK_S)
            if self._is_here(model):  # since before, or since the other process was ready
                record = self.folder.record(model.name)
                assert record is not None
                return _fetched(model.name, record, already=True)
            self.folder.check_place(model.name)
            self._note_acceptance(model)
            files = self.folder.partial(model.name) / "files"
            known = self._adopt(model, files)
            here = sum(_bytes_here(files / file.path) for file in model.files)
            total = sum(size or 0 for size in sizes.values()) if sizes and all(sizes.values()) else None
            self.screen.begin(model.name, len(model.files), here, total)
            digests = dict(known)
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = {
                        file.path: group.create_task(self._file(downloader, model, file, files))
                        for file in model.files
                        if file.path not in known
                    }
            except BaseExceptionGroup as failed:
                raise cause(failed) from None
            digests |= {path: task.result() for path, task in tasks.items()}
            _keep_only(files, {file.path for file in model.files})
            first = tuple(file.path for file in model.files if file.sha256 is None)
            record = self.folder.put(
                model.name,
                files,
                digests,
                title=model.title,
                source=source_of(model, self.mirror),
                revision=model.source.revision,
                licence=model.licence.title,
                licence_url=model.licence.url,
                accepted_at=self._accepted_at(model),
                first_recorded=first,
            )
            return _fetched(model.name, record, already=False)

    async def _file(self, downloader: Downloader, model: Model, file: ModelFile, files: Path) -> str:
        wanted = self._wanted(model, file, files)
        if wanted.place.folder is not None:
            sha256 = await asyncio.to_thread(_take, wanted)
        else:
            sha256 = await downloader.fetch(wanted)
        try:
            if file.is_pickle:
                await asyncio.to_thread(check_pickle, wanted.path, wanted.name)
            elif file.path.endswith(".safetensors") and not file.sha256:
                check_safetensors(wanted.path, wanted.name)
        except WorkbenchError:
            partial_file.remove(wanted.path)
            raise
        self.screen.file_done(model.name, file.path, sha256, file.sha256 is not None)
        return sha256

    def _wanted(self, model: Model, file: ModelFile, files: Path) -> Wanted:
        return Wanted(
            path=files / file.path,
            name=f"{model.name}/{file.path}",
            place=place_of(model, file, self.mirror),
            size=file.size,
            sha256=file.sha256,
        )

    async def _sizes(self, downloader: Downloader, model: Model) -> dict[str, int | None]:
        """The size of each file: from the catalogue, else as the server or the mirror says it."""
        files = self.folder.partial(model.name) / "files"

        async def size(file: ModelFile) -> int | None:
            wanted = self._wanted(model, file, files)
            if file.size is not None:
                return file.size
            if wanted.place.folder is None:
                return await downloader.size(wanted)
            return wanted.place.folder.stat().st_size if wanted.place.folder.is_file() else None

        try:
            async with asyncio.TaskGroup() as group:
                asked = {file.path: group.create_task(size(file)) for file in model.files}
        except BaseExceptionGroup as failed:
            raise cause(failed) from None
        return {path: task.result() for path, task in asked.items()}

    def _check_space(self, models: Sequence[Model], sizes: dict[str, dict[str, int | None]]) -> None:
        needed = 0
        for model in models:
            files = self.folder.partial(model.name) / "files"
            whole = sum(size or 0 for size in sizes[model.name].values())
            needed += max(0, whole - sum(_bytes_here(files / file.path) for file in model.files))
        unknown = [one.name for one in models if not all(sizes[one.name].values())]
        names = " and ".join(one.name for one in models)
        self.folder.check_space(needed, f"{names} need{'s' if len(models) == 1 else ''}")
        if unknown:
            self.screen.say(f"The size of {', '.join(unknown)} is not known beforehand.")
        free = self.folder.free_bytes()
        self.screen.say(f"{mib(needed)} to download to {self.folder.root}, where {mib(free)} are free.")

    def _is_here(self, model: Model) -> bool:
        record = self.folder.record(model.name)
        return record is not None and fits(record, model) and self.folder.state(model.name) is State.INSTALLED

    def _adopt(self, model: Model, files: Path) -> dict[str, str]:
        """Take the good files of a damaged or older model; returns their digests."""
        record, old = self.folder.record(model.name), self.folder.of(model.name)
        if record is None:
            return {}
        bad = set(changed(old, record))
        kept = {}
        for file in model.files:
            there = record.files.get(file.path)
            same = there is not None and there.sha256 == (file.sha256 or there.sha256)
            if file.sha256 is None and record.revision != model.source.revision:
                same = False
            if there is not None and same and file.path not in bad:
                place(old / file.path, files / file.path)
                kept[file.path] = there.sha256
        return kept

    def _accepted_at(self, model: Model) -> float | None:
        if self.accepted_at is not None:
            return self.accepted_at
        record = self.folder.record(model.name)
        if record is not None and record.accepted_at is not None and record.licence == model.licence.title:
            return record.accepted_at
        try:
            note = json.loads((self.folder.partial(model.name) / "accepted.json").read_text())
        except (OSError, ValueError):
            return None
        return float(note["at"]) if note.get("licence") == model.licence.title else None

    def _note_acceptance(self, model: Model) -> None:
        """A person is asked once, also if the download is interrupted and continued."""
        folder = self.folder.partial(model.name)
        folder.mkdir(parents=True, exist_ok=True)
        note = {"licence": model.licence.title, "url": model.licence.url, "at": self._accepted_at(model)}
        (folder / "accepted.json").write_text(json.dumps(note))


def licence_error(models: Sequence[Model]) -> WorkbenchError:
    """The error for licences that were not accepted."""
    return WorkbenchError(
        "model.licence",
        "no one has accepted the licence of " + ", ".join(one.name for one in models),
        where="--accept-licence",
        seen="; ".join(dict.fromkeys(f"{one.licence.title} ({one.licence.url}): {one.licence.says}" for one in models)),
        remedy="Read it, and add --accept-licence if you accept it.",
    )


def _take(wanted: Wanted) -> str:
    """Take a file from a mirror that is a folder. Blocks."""
    source = wanted.place.folder
    assert source is not None
    if not source.is_file():
        raise not_fetched(wanted.name, "it is not in the mirror", str(source))
    partial_file.remove(wanted.path)  # what came from elsewhere
    place(source, wanted.path)
    sha256, size = file_digest(wanted.path), wanted.path.stat().st_size
    if wanted.size not in (None, size) or wanted.sha256 not in (None, sha256):
        wanted.path.unlink()
        raise differs(wanted.name, f"{size} bytes, {sha256}", wanted.sha256 or f"{wanted.size} bytes", str(source))
    return sha256


def _keep_only(files: Path, paths: set[str]) -> None:
    """Remove notes, and what an earlier catalogue had in the model."""
    for path in [one for one in files.rglob("*") if one.is_file()]:
        if path.relative_to(files).as_posix() not in paths:
            path.unlink()


def _bytes_here(path: Path) -> int:
    """Bytes of a file that are here: as noted, or all of a file that was taken whole."""
    if partial_file.note_path(path).exists():
        return partial_file.bytes_here(path)
    return path.stat().st_size if path.is_file() else 0


def _fetched(name: str, record: InstalledModel, already: bool) -> Fetched:
    size = sum(file.size_bytes for file in record.files.values())
    return Fetched(name, record.digest, size, already, record.first_recorded)
