"""Thumbnails of artifacts, made once in the inspection process and cached in a bounded folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.media.bounded_folder import keep_bounded
from workbench.store.files import written

SIDES_PX = (80, 160, 320)
LIMIT_BYTES = 128_000_000


def side_for(size_px: int) -> int:
    """The smallest available side that is at least the requested one."""
    return next((side for side in SIDES_PX if side >= size_px), SIDES_PX[-1])


def thumbnail(deployment: Deployment, ref: Ref, side_px: int) -> Path:
    """A JPEG of an image, or of the frame one third into a video. Blocks.

    Raises WorkbenchError: artifact.no_thumbnail for other kinds; upload.* if the file cannot be decoded; store.*.
    """
    if ref.kind not in ("image", "video"):
        raise WorkbenchError(
            "artifact.no_thumbnail",
            "this kind of artifact has no thumbnail",
            where=ref.sha256,
            seen=ref.kind,
            allowed="image or video",
            remedy="Show an icon of its kind.",
        )
    folder = deployment.settings.home / "cache" / "thumbnails"
    place = folder / f"{ref.sha256}-{side_px}.jpg"
    with written(folder), contextlib.suppress(FileNotFoundError):  # not made yet, or just evicted
        os.utime(place)  # recently used files stay
        return place
    with incoming_folder(deployment.settings.home) as work:
        deployment.inspector.thumbnail(deployment.open(ref), work / "thumbnail", side_px)
        with written(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (work / "thumbnail").replace(place)
    keep_bounded(folder, LIMIT_BYTES)
    return place
