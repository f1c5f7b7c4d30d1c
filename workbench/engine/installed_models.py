"""The models on a worker's machine, read again while the worker runs."""

from __future__ import annotations

import time
from pathlib import Path

from nodes.weights import installed

READ_EVERY_S = 1.0


class InstalledModels:
    """Digests of the models in a folder. A model that is fetched or removed is noticed within a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_at = float("-inf")
        self._digests: dict[str, str] = {}

    def read_soon(self) -> None:
        """Let the next ``digests`` read the folder, because an executor found another model than the job names."""
        self._read_at = float("-inf")

    def digests(self) -> dict[str, str]:
        """Digest by name. The same object until something has changed."""
        now = time.monotonic()
        if now - self._read_at >= READ_EVERY_S:
            found = {name: model.digest for name, model in installed(self._folder).items()}
            if found != self._digests:
                self._digests = found
            self._read_at = now
        return self._digests
