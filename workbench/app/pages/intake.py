"""What was captured on a page becomes an artifact of the bench."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from nodes._samples import sample_portrait
from workbench.app.identity import User
from workbench.client.bench import Bench


def take_in(bench: Bench, path: Path, kind: str, user: User) -> dict[str, Any]:
    """The file as ``schemas.upload.Upload`` in JSON. Raises WorkbenchError (upload.*)."""
    ref = bench.upload(path, kind)
    return {"ref": ref.model_dump(mode="json", by_alias=True), "kind": kind, "faces": [], "warnings": []}


def take_sample(bench: Bench, user: User) -> dict[str, Any]:
    """The packaged portrait, marked as such: nobody's consent is needed for it."""
    with tempfile.TemporaryDirectory() as folder:
        return {**take_in(bench, sample_portrait(Path(folder)), "image", user), "sample": True}
