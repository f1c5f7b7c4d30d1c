"""Opens audio and video with FFmpeg under tight restrictions. Runs in the inspection process only."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from schemas.upload import UploadWarning
from workbench.client.inspection.limits import MAX_STREAMS
from workbench.client.inspection.upload_errors import refused, too_large, unreadable

# The demuxer is chosen, never probed, so a playlist or a script for another demuxer is not even parsed.
_DEMUXERS = {
    "wav": "wav",
    "flac": "flac",
    "mp3": "mp3",
    "aac": "aac",
    "ogg": "ogg",
    "aiff": "aiff",
    "webm": "matroska,webm",
    "matroska": "matroska,webm",
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
}
AUDIO_CODECS = ("flac", "mp3", "mp3float", "aac", "alac", "opus", "libopus", "vorbis", "libvorbis")
_WIDE = tuple(f"{kind}{end}" for kind in ("s16", "s24", "s32", "f32", "f64") for end in ("le", "be"))
PCM = tuple(f"pcm_{kind}" for kind in ("u8", "s8", "alaw", "mulaw", *_WIDE))
VIDEO_CODECS = ("h264", "vp8", "vp9", "av1", "libvpx", "libvpx-vp9", "libdav1d", "libaom-av1")
_ALLOWED_DECODERS = (*AUDIO_CODECS, *PCM, *VIDEO_CODECS)
_PLAYS = ("h264", "vp8", "vp9", "av1")


@contextlib.contextmanager
def opened(path: Path, format_name: str, more_decoders: tuple[str, ...] = ()) -> Iterator[Any]:
    """The opened container. FFmpeg receives an open file and may open nothing itself, neither files nor URLs.

    FFmpeg's errors inside the block become WorkbenchError (upload.unreadable).

    Args:
        more_decoders: decoders for codecs that uploads may not have.
    """
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": _DEMUXERS[format_name],
        "codec_whitelist": ",".join((*_ALLOWED_DECODERS, *more_decoders)),
        "max_streams": str(MAX_STREAMS),
    }
    if format_name in ("mp4", "mov"):
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    try:
        with (
            path.open("rb") as file,
            av.open(file, "r", format=_DEMUXERS[format_name].split(",")[0], options=options) as container,
        ):
            yield container
    except MemoryError as fault:
        raise too_large("the file needs too much memory to be decoded", str(fault), "1.5 GiB") from fault
    except av.error.FFmpegError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):  # errors of writing, not of reading
            raise OSError(fault.errno, str(fault)) from fault
        raise unreadable("the file is damaged", f"{type(fault).__name__}: {fault}") from fault
    except (ValueError, IndexError, OverflowError, EOFError) as fault:
        raise unreadable("the file is damaged", f"{type(fault).__name__}: {fault}") from fault


def video_stream(container: Any) -> Any:
    """The only video stream, or None; cover images are ignored. Raises WorkbenchError (upload.refused)."""
    streams = [stream for stream in container.streams.video if not _cover(stream)]
    if not streams:
        return None
    if len(streams) > 1:
        raise refused(f"a file with {len(streams)} video streams", "Export it with one video stream.")
    name = streams[0].codec_context.name if streams[0].codec_context else "unknown"
    if canonical(name) not in _PLAYS:
        raise refused(f"video with the codec {name}", "Convert it to MP4 with H.264, or to WebM.", ", ".join(_PLAYS))
    return streams[0]


def audio_stream(container: Any) -> Any:
    """The audio stream that players choose, or None. Raises WorkbenchError (upload.refused)."""
    streams = list(container.streams.audio)
    if not streams:
        return None
    chosen = next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])
    name = chosen.codec_context.name if chosen.codec_context else "unknown"
    if name not in AUDIO_CODECS and name not in PCM:
        raise refused(f"audio with the codec {name}", "Convert it to WAV, FLAC, MP3 or Opus.")
    return chosen


def track_hints(container: Any) -> list[UploadWarning]:
    """The warning about a file with several audio tracks."""
    streams = list(container.streams.audio)
    if len(streams) < 2:
        return []
    at = streams.index(audio_stream(container)) + 1
    return [
        UploadWarning(
            code="audio.tracks",
            message=f"The file contains {len(streams)} audio tracks; track {at} is used.",
            remedy="Export the file with the wanted track only, if this is another one.",
        )
    ]


def canonical(codec: str) -> str:
    """The codec's name, without the name of the library that decodes it."""
    plain = codec.removeprefix("lib").replace("vpx-vp9", "vp9").replace("dav1d", "av1").replace("aom-av1", "av1")
    return {"vpx": "vp8", "mp3float": "mp3"}.get(plain, plain)


def claimed_s(container: Any, stream: Any) -> float | None:
    """The duration that the headers claim, in seconds; None if they do not have one."""
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def check_length(seconds: float | None, allowed_s: float) -> None:
    """Raises WorkbenchError (upload.too_large)."""
    if seconds is not None and seconds > allowed_s:
        raise too_large(
            "the recording is too long",
            _minutes(seconds),
            f"up to {_minutes(allowed_s)}",
            "Shorten it and choose the new file.",
        )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min"


def _cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)
