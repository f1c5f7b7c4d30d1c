"""Writes the frame index of a video. Runs in the inspection process only."""

from __future__ import annotations

from pathlib import Path

from nodes._frame_index import Damaged, NotIndexed, frame_index
from workbench.client.inspection.containers import opened
from workbench.client.inspection.file_formats import family_of
from workbench.client.inspection.upload_errors import refused, unreadable

_FORMATS = ("mp4", "mov", "webm", "matroska")
_ACCEPTED = "MP4, MOV, WebM or Matroska with one video track of H.264, HEVC, VP8, VP9 or AV1"


def write_frame_index(path: Path, format_name: str, out: Path, sha256: str) -> None:
    """Write the index as JSON. Raises WorkbenchError: upload.refused, upload.unreadable."""
    if family_of(format_name) != "media" or format_name not in _FORMATS:
        raise refused(f"a {format_name} file", "Choose a video.", _ACCEPTED)
    with opened(path, format_name, more_decoders=("hevc",)) as container, path.open("rb") as file:
        try:
            out.write_bytes(frame_index(container, file, sha256).to_json())
        except NotIndexed as reason:
            raise refused(reason.seen, reason.remedy, _ACCEPTED) from reason
        except Damaged as reason:
            raise unreadable(str(reason)) from reason
