"""Receives files that a browser sends to the kernel in pieces, because messages are limited in size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.client.files import portrait_file
from workbench.client.incoming_files import make_folder, remove_folder
from workbench.client.inspection.limits import Limits
from workbench.client.uploads import check_size, store_file
from workbench.store.files import written


class Uploads:
    """The incomplete uploads of one page."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}

    def take(self, deployment: Deployment, message: dict[str, Any], pieces: list[bytes]) -> dict[str, Any]:
        """Receive a piece of a file, or the path of a file on the kernel's machine: ``{upload, kindOfFile, name, at,
        size}`` or ``{path, kindOfFile}``. Returns ``{ref, warnings}`` for the last piece and for a path. Blocks.

        Raises WorkbenchError: request.invalid, upload.too_large, node.bad_input, home.*, store.*.
        """
        kind = str(message.get("kindOfFile"))
        if path := str(message.get("path") or ""):
            return _kept(deployment, portrait_file(path, deployment.settings.home), kind)
        upload, size, at = str(message.get("upload")), int(message["size"]), int(message["at"])
        check_size(size, kind, Limits.of(deployment.settings))
        if at == 0:
            self._folders[upload] = make_folder(deployment.settings.home)
        folder = self._folders.get(upload)
        file = folder / "coming" if folder else None
        if file is None or (file.stat().st_size if file.exists() else 0) != at:
            raise WorkbenchError(
                "request.invalid",
                "a piece of the upload is missing",
                where="at",
                seen=at,
                remedy="Choose the file again.",
            )
        with written(file.parent), file.open("ab") as coming:
            coming.writelines(pieces)
        if file.stat().st_size < size:
            return {}
        try:
            return _kept(deployment, file.rename(file.with_name(Path(str(message.get("name"))).name or "upload")), kind)
        finally:
            remove_folder(self._folders.pop(upload))

    def close(self) -> None:
        """Abort the incomplete uploads."""
        for folder in self._folders.values():
            remove_folder(folder)
        self._folders.clear()


def _kept(deployment: Deployment, file: Path, kind: str) -> dict[str, Any]:
    ref, warnings = store_file(deployment, file, kind, owner=LOCAL.name)
    return {
        "ref": ref.model_dump(mode="json", by_alias=True, exclude_none=True),
        "warnings": [one.model_dump(mode="json") for one in warnings],
    }
