"""The copies of uploads that Gradio's components read: ``uploads/<sha256>/<name>`` below its folder.

A component reads its copy once, in the event that follows the upload; then the page holds the digest of the artifact,
and jobs know nothing else. So a copy that was not brought in, given to a component or shown for a day is of no use.
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

_TRIES = 3  # the copy or its empty folder may be cleared away in the same moment
_DIGEST = re.compile(r"[0-9a-f]{64}")


def keep_copy(deployment: Deployment, ref: Ref, folder: Path) -> Path:
    """The artifact's copy below Gradio's folder. Blocks. Raises WorkbenchError: store.*, home.*"""
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
    """The place of a copy that a client names, whether or not it is there; None for any other path."""
    place = Path(os.path.abspath(given))  # noqa: PTH100 - as Gradio does: `..` is gone, links are not followed
    return place if place.parent.parent == folder / "uploads" and _DIGEST.fullmatch(place.parent.name) else None


def use(place: Path) -> bool:
    """Whether the copy is there, as a file of its own and no link; it then stays for another day."""
    if not os.path.isfile(place) or os.path.realpath(place) != str(place):  # noqa: PTH113 - any text is a path
        return False
    with contextlib.suppress(FileNotFoundError):
        os.utime(place)
        return True
    return False
