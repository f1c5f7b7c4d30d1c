"""Measures properties of media files, which references carry in addition to the digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from schemas.refs import SAFETENSORS, ZIP

MAX_HEADER_BYTES = 100_000_000  # of a safetensors file, as its own library allows

_IMAGE_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


# By the first of the demuxer's names for a container.
_AUDIO_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mov": "audio/mp4",
    "matroska": "audio/webm",
}


def measure(path: Path, kind: str) -> dict[str, Any]:
    """Properties of a file of this kind, named as in ``schemas.refs``. Raises WorkbenchError (node.bad_input)."""
    if kind not in _MEASURES:
        return {}
    try:
        return _MEASURES[kind](path)
    except Exception as error:
        raise WorkbenchError(
            "node.bad_input",
            f"{path.name} cannot be read as {kind}",
            where=str(path),
            seen=f"{type(error).__name__}: {error}",
            remedy=f"Use another {kind} file that opens in other programs.",
        ) from error


def _image(path: Path) -> dict[str, Any]:
    from PIL import Image

    with Image.open(path) as image:
        image.verify()
        return {
            "media_type": _IMAGE_TYPES.get(image.format or "", f"image/{(image.format or 'x').lower()}"),
            "width": image.width,
            "height": image.height,
        }


def _audio(path: Path) -> dict[str, Any]:
    import av

    with av.open(str(path)) as container:
        stream, name = container.streams.audio[0], container.format.name.split(",")[0]
        return {
            "media_type": _AUDIO_TYPES.get(name, f"audio/{name}"),
            "duration_s": _duration_s(container, stream),
            "sample_rate_hz": stream.rate,
            "channels": stream.codec_context.channels,
        }


def _video(path: Path) -> dict[str, Any]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 0) or None
        duration_s = _duration_s(container, stream)
        return {
            "media_type": "video/webm" if "webm" in container.format.name else "video/mp4",
            "width": stream.codec_context.width,
            "height": stream.codec_context.height,
            "fps": fps,
            "frames": stream.frames or (round(duration_s * fps) if duration_s and fps else None),
            "duration_s": duration_s,
        }


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration is not None:
        return round(float(stream.duration * stream.time_base), 6)
    return None if container.duration is None else round(container.duration / 1e6, 6)


def file_type(head: bytes) -> str:
    """The media type of a zip or a safetensors file, by its first 9 bytes; "" for any other file.

    A safetensors file begins with the length of its header, 8 bytes, and the header with a brace.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZIP
    return SAFETENSORS if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= MAX_HEADER_BYTES else ""


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        found = file_type(file.read(9))
    return {"media_type": found} if found else {}


_MEASURES = {"image": _image, "audio": _audio, "video": _video, "file": _file}
