"""The models on a worker's machine, read again while the worker runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from nodes import catalogue
from nodes.weights import installed
from schemas.capability import ServiceManifest
from schemas.errors import WorkbenchError

READ_EVERY_S = 1.0


def missing_models(service: ServiceManifest, installed: Mapping[str, str], models: Path) -> str:
    """Why no job can use a service that runs here, with the command that gets the model; "" if one can.

    Args:
        installed: digests by name.
        models: the folder, which may have a catalogue of its own.
    """
    try:
        known = catalogue.load(models) if service.models else None
    except WorkbenchError as error:  # in the folder's own file; the shipped one is tested
        return f"{error.message} ({error.where}). {error.remedy}"
    for parameter in service.models:
        assert known is not None
        name = service.params["properties"][parameter].get("default", "")
        others = (model.name for model in known.models_for(service.service))
        if name and name not in installed and not any(other in installed for other in others):
            return f"no model for its parameter {parameter} is installed. {known.remedy(name)}"
    return ""


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
