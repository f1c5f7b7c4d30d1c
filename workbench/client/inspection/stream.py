"""Writes a video or audio file as fragmented MP4, whose pieces a browser's Media Source loads.

Inspection process only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from workbench.client.inspection.containers import audio_stream, opened, video_stream
from workbench.client.inspection.upload_errors import refused, unreadable

AUDIO_PIECE_US = 2_000_000
_CODECS = {"aac": "mp4a.40.2", "opus": "opus", "flac": "flac", "mp3": "mp4a.6B", "vp9": "vp09.00.50.08"}


def write_stream(path: Path, format_name: str, out: Path) -> dict[str, Any]:
    """Copy the video frames, and the audio as it is or as FLAC, to ``out``. Returns the positions of the pieces.

    A piece begins with a key frame, so playback can start at each. Raises WorkbenchError: upload.refused,
    upload.unreadable.
    """
    with opened(path, format_name) as container:
        video, audio = video_stream(container), audio_stream(container)
        if video is None and audio is None:
            raise refused("a file without video and audio", "Choose an audio or video file.", "audio or video")
        cut = {} if video else {"frag_duration": str(AUDIO_PIECE_US)}
        flags = "empty_moov+default_base_moof+negative_cts_offsets+global_sidx" + ("+frag_keyframe" if video else "")
        with av.open(str(out), "w", format="mp4", options={"movflags": flags, **cut}) as target:
            codecs = _copy(container, video, audio, target)
    return {"codecs": codecs, "kind": "video" if video else "audio", **_index(out)}


def _copy(container: Any, video: Any, audio: Any, target: Any) -> list[str]:
    copied, codecs, encoder, samples = {}, [], None, 0
    for stream in (video, audio):
        if stream is None:
            continue
        if (codec := _codec(stream.codec_context)) is not None:
            copied[stream.index] = target.add_stream_from_template(stream)
            codecs.append(codec)
        elif stream is audio:
            encoder = target.add_stream("flac", rate=audio.codec_context.sample_rate)
            encoder.layout = audio.codec_context.layout
            encoder.format = "s16"
            resampler = av.AudioResampler("s16", encoder.layout, encoder.rate)
            codecs.append("flac")
        else:
            raise refused(f"{stream.codec_context.name} video", "Download the file to play it.", "H.264, AV1 or VP9")
    for packet in container.demux([stream for stream in (video, audio) if stream is not None]):
        if packet.stream is audio and encoder is not None:
            for frame in packet.decode():
                for part in resampler.resample(frame):
                    part.pts, samples = samples, samples + part.samples
                    target.mux(encoder.encode(part))
        elif packet.dts is not None and packet.stream.index in copied:
            packet.stream = copied[packet.stream.index]
            target.mux(packet)
    if encoder is not None:
        target.mux(encoder.encode(None))
    return codecs


def _codec(context: Any) -> str | None:
    """The codec's name by RFC 6381; None if MP4 cannot contain it."""
    extra = context.extradata or b""
    if context.name in ("h264", "libx264"):
        at = 1 if extra[:1] == b"\x01" else extra.find(b"\x67") + 1  # after avcC's version, or the SPS's type
        return f"avc1.{extra[at : at + 3].hex()}" if at and len(extra) >= at + 3 else "avc1.640033"
    if context.name in ("av1", "libdav1d"):
        return "av01.0.12M.08"
    return _CODECS.get(context.name)


def _index(path: Path) -> dict[str, Any]:
    """The end of the header, and (second, offset, size) of each piece, from the index that the muxer wrote."""
    data = path.read_bytes()
    found = next(((offset, size) for name, offset, size in _boxes(data) if name == b"sidx"), None)
    if found is None:
        raise unreadable("the file has no pieces")
    offset, size = found
    wide = data[offset + 8] == 1
    scale, start, skipped = struct.unpack(">IQQ" if wide else ">III", data[offset + 16 : offset + (36 if wide else 28)])
    at = offset + (36 if wide else 28)
    (count,) = struct.unpack(">H", data[at + 2 : at + 4])
    place, moment, pieces = offset + size + skipped, start, []
    for entry in struct.iter_unpack(">III", data[at + 4 : at + 4 + 12 * count]):
        pieces.append([moment / scale, place, entry[0] & 0x7FFF_FFFF])
        place, moment = place + (entry[0] & 0x7FFF_FFFF), moment + entry[1]
    return {"head_bytes": offset, "pieces": pieces, "duration_s": moment / scale, "size_bytes": len(data)}


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, offset, size) of the boxes of the file."""
    offset = 0
    while offset + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[offset : offset + 8])
        if size == 1:
            (size,) = struct.unpack(">Q", data[offset + 8 : offset + 16])
        yield name, offset, size or len(data) - offset
        offset += size or len(data) - offset
