"""Videos and audio as pieces that a browser plays without the whole file, made once and cached in a bounded folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.inspection.inspector import StreamIndex
from workbench.client.media.bounded_folder import keep_bounded
from workbench.store.files import written

LIMIT_BYTES = 2_000_000_000


def stream(deployment: Deployment, ref: Ref) -> tuple[StreamIndex, Path]:
    """The positions of the pieces, and the file with them. Blocks: a minute of video takes 0.1 s.

    Raises WorkbenchError: artifact.no_stream for other kinds and codecs; upload.* if the file cannot be read; store.*.
    """
    if ref.kind not in ("audio", "video"):
        raise _not_played(ref, ref.kind)
    folder = deployment.settings.home / "cache" / "streams"
    place, index = folder / f"{ref.sha256}.mp4", folder / f"{ref.sha256}.json"
    with written(folder), contextlib.suppress(FileNotFoundError, ValueError):
        found = StreamIndex.model_validate_json(index.read_bytes())
        for file in (place, index):
            os.utime(file)  # recently used files stay
        return found, place
    with incoming_folder(deployment.settings.home) as work:
        try:
            found = deployment.inspector.stream(deployment.open(ref), work / "stream")
        except WorkbenchError as error:
            if error.code == "upload.refused":
                raise _not_played(ref, str(error.seen)) from error
            raise
        (work / "index").write_bytes(found.to_json())
        with written(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (work / "stream").replace(place)
            (work / "index").replace(index)
    keep_bounded(folder, LIMIT_BYTES)
    return found, place


def _not_played(ref: Ref, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "artifact.no_stream",
        "this artifact cannot be played in pieces",
        where=ref.sha256,
        seen=seen,
        allowed="H.264, AV1 or VP9 video, and audio",
        remedy="Download it, or open the notebook where the browser reaches the app.",
    )
