"""Finds local files derived from artifacts and jobs: cached and signed copies, thumbnails, videos, Gradio's copies.

Their names contain a digest or the id of a job.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.retention import StoreKind
from workbench.store.local_cache import remove_unless_used

_DIGEST = re.compile(r"[0-9a-f]{64}")
_JOB = re.compile(r"(\d{8}-\d{6}-[0-9a-f]{6})\.mp4")


@dataclass(frozen=True)
class LocalFile:
    """A file derived from an artifact or a job."""

    kind: StoreKind
    name: str  # digest, or job id
    path: Path
    size_bytes: int
    used_at: float

    def remove(self) -> bool:
        """Remove the file unless it is in use. Returns whether it was removed."""
        if self.kind is StoreKind.CACHE:
            return remove_unless_used(self.path, self.used_at) or not self.path.exists()
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty, or owned by another user
            if self.kind is StoreKind.PARTIAL:
                self.path.parent.rmdir()
        return True


def of_artifacts(home: Path) -> Iterator[LocalFile]:
    """Copies of artifacts and what is derived from them, by digest."""
    yield from _files(StoreKind.CACHE, home / "cache", "??/*", lambda path: path.name)
    for folder in ("thumbnails", "waveforms", "streams", "delivered"):
        yield from _files(StoreKind.THUMBNAILS, home / "cache" / folder, "*", lambda path: path.name[:64])
    yield from _files(StoreKind.PARTIAL, gradio_folder() / "uploads", "*/*", lambda path: path.parent.name)


def of_jobs(home: Path) -> Iterator[LocalFile]:
    """Copies of finished videos, by job. Other files in that folder belong to the user."""
    for file in _files(StoreKind.VIDEOS, home / "videos", "*.mp4", lambda path: path.name, pattern=_JOB):
        yield LocalFile(file.kind, file.name.removesuffix(".mp4"), file.path, file.size_bytes, file.used_at)


def gradio_folder() -> Path:
    """Gradio's folder for files: ``GRADIO_TEMP_DIR``, else its own default."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio").resolve()


def _files(
    kind: StoreKind, folder: Path, glob: str, name: Callable[[Path], str], pattern: re.Pattern[str] = _DIGEST
) -> Iterator[LocalFile]:
    for path in folder.glob(glob):
        if not pattern.fullmatch(name(path)):
            continue
        with contextlib.suppress(FileNotFoundError):  # removed by another process
            facts = path.stat()
            yield LocalFile(kind, name(path), path, facts.st_size, facts.st_mtime)
