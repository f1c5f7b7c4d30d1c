"""A small picture of a picture or a video. Runs in the child only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from workbench.client.inspection.bytes_seen import family_of
from workbench.client.inspection.containers import claimed_s, opened, the_video
from workbench.client.inspection.picture import flat, read_upright
from workbench.client.inspection.refusals import refused, unreadable


def write_thumbnail(path: Path, format_name: str, out: Path, side_px: int) -> None:
    """Write a JPEG of at most ``side_px`` a side. Of a video it is the frame one third into it.

    Raises WorkbenchError: upload.refused for sound, upload.unreadable.
    """
    if family_of(format_name) == "image":
        picture, _ = read_upright(path, format_name)
    else:
        with opened(path, format_name) as container:
            picture = _frame(container)
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    flat(picture).convert("RGB").save(out, format="JPEG", quality=82)


def _frame(container: Any) -> Image.Image:
    stream = the_video(container)
    if stream is None:
        raise refused("a sound", "A thumbnail is made of pictures and videos.", "image or video")
    third_s = (claimed_s(container, stream) or 0.0) / 3
    start = stream.start_time or 0
    wanted = start + int(third_s / stream.time_base) if stream.time_base else start
    container.seek(wanted, stream=stream, backward=True)
    nearest = None
    for count, frame in enumerate(container.decode(stream)):
        nearest = frame
        # From the key frame on; with one key frame in a long video, the search ends after some seconds of it.
        if frame.pts is None or frame.pts >= wanted or count > 300:
            break
    if nearest is None:
        raise unreadable("no picture of the video could be decoded")
    picture: Image.Image = nearest.to_image()
    return picture
