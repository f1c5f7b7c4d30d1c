"""Waveforms of audio, measured once in the inspection process and cached in a bounded folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import orjson

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.client.media.bounded_folder import keep_bounded
from workbench.store.files import written

POINTS = (200, 600, 1200)
LIMIT_BYTES = 32_000_000


def points_for(wanted: int) -> int:
    """The smallest available number of points that is at least the requested one."""
    return next((points for points in POINTS if points >= wanted), POINTS[-1])


def waveform(deployment: Deployment, ref: Ref, points: int) -> list[float]:
    """The largest amplitude in each of ``points`` equal sections of an audio file or a video, 0 to 1. Blocks.

    Raises WorkbenchError: artifact.no_waveform for other kinds; upload.* if the file cannot be decoded; store.*.
    """
    if ref.kind not in ("audio", "video"):
        raise WorkbenchError(
            "artifact.no_waveform",
            "this kind of artifact has no waveform",
            where=ref.sha256,
            seen=ref.kind,
            allowed="audio or video",
            remedy="Show it without a waveform.",
        )
    folder = deployment.settings.home / "cache" / "waveforms"
    place = folder / f"{ref.sha256}-{points}.json"
    with written(folder), contextlib.suppress(FileNotFoundError, ValueError):
        os.utime(place)  # recently used files stay
        return list(orjson.loads(place.read_bytes()))
    peaks = deployment.inspector.waveform(deployment.open(ref), points)
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(peaks))
        Path(name).replace(place)
    keep_bounded(folder, LIMIT_BYTES)
    return peaks
