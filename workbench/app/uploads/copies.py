"""Copies of uploads for Gradio's components: ``uploads/<sha256>/<name>`` below Gradio's folder.

A component reads its copy once, in the event after the upload. After that the page and the jobs use the digest of the
artifact. So a copy that was neither uploaded, given to a component nor shown for a day is no longer needed.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from nodes.context import take_over
from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.store.files import written

_TRIES = 3  # the cleanup may remove the copy or its empty folder at the same moment
_DIGEST = re.compile(r"[0-9a-f]{64}")


def keep_copy(deployment: Deployment, ref: Ref, folder: Path) -> Path:
    """Create the artifact's copy below Gradio's folder. Blocks. Raises WorkbenchError: store.*, home.*"""
    place = folder / "uploads" / ref.sha256 / str(ref.name)
    with written(place.parent):
        for left in reversed(range(_TRIES)):
            try:
                take_over(deployment.open(ref), place)
                os.utime(place)
                break
            except FileNotFoundError:
                if not left:
                    raise
    return place


def place_of(given: str, folder: Path) -> Path | None:
    """The path of a copy that a client names, even if it does not exist; None for any other path."""
    place = Path(os.path.abspath(given))  # noqa: PTH100 - like Gradio: resolves `..`, does not follow links
    return place if place.parent.parent == folder / "uploads" and _DIGEST.fullmatch(place.parent.name) else None


def use(place: Path) -> bool:
    """Whether the copy exists as a regular file, not a link. If so, it is kept for another day."""
    if not os.path.isfile(place) or os.path.realpath(place) != str(place):  # noqa: PTH113 - any text is a path
        return False
    with contextlib.suppress(FileNotFoundError):
        os.utime(place)
        return True
    return False
