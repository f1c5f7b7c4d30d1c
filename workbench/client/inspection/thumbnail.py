"""Makes thumbnails of images and videos. Runs in the inspection process only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from workbench.client.inspection.containers import claimed_s, opened, video_stream
from workbench.client.inspection.file_formats import family_of
from workbench.client.inspection.image import flat, read_upright
from workbench.client.inspection.upload_errors import refused, unreadable


def write_thumbnail(path: Path, format_name: str, out: Path, side_px: int) -> None:
    """Write a JPEG of at most ``side_px`` per side: of an image, or of the frame one third into a video.

    Raises WorkbenchError: upload.refused for audio, upload.unreadable.
    """
    if family_of(format_name) == "image":
        image, _ = read_upright(path, format_name)
    else:
        with opened(path, format_name) as container:
            image = _frame(container)
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    flat(image).convert("RGB").save(out, format="JPEG", quality=82)


def _frame(container: Any) -> Image.Image:
    stream = video_stream(container)
    if stream is None:
        raise refused("an audio file", "Choose an image or a video.", "image or video")
    third_s = (claimed_s(container, stream) or 0.0) / 3
    start = stream.start_time or 0
    wanted = start + int(third_s / stream.time_base) if stream.time_base else start
    container.seek(wanted, stream=stream, backward=True)
    nearest = None
    for count, frame in enumerate(container.decode(stream)):
        nearest = frame
        # Decode from the key frame on. In a long video with one key frame, stop after some seconds.
        if frame.pts is None or frame.pts >= wanted or count > 300:
            break
    if nearest is None:
        raise unreadable("no frame of the video could be decoded")
    image: Image.Image = nearest.to_image()
    return image
