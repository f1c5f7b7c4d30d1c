"""Inspects video: decodes its beginning, reads all packets, and copies them to a new container.

Inspection process only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from workbench.client.inspection.containers import audio_stream, canonical, check_length, claimed_s, track_hints
from workbench.client.inspection.limits import MAX_CHANNELS, MAX_FPS, MAX_PIXELS, MAX_SIDE_PX
from workbench.client.inspection.upload_errors import refused, too_large, unreadable

DECODED_FRAMES = 48  # two seconds: enough to know that it decodes
_HOLDS = {
    "mp4": ("h264", "av1", "vp9", "aac", "mp3", "opus", "flac", "alac", ""),
    "webm": ("vp8", "vp9", "av1", "opus", "vorbis", ""),
}


def inspect_video(container: Any, stream: Any, format_name: str, out: Path, allowed_s: float) -> dict[str, Any]:
    """The facts of a video. Its video and audio packets are written to ``out`` without metadata or other streams.

    Encoding would take minutes. A new container drops everything beside the packets: locations, comments, attachments,
    subtitles, appended data. Raises WorkbenchError: upload.*.
    """
    context = stream.codec_context
    width, height = context.width, context.height
    if not (width and height):
        raise unreadable("the video does not declare its frame size")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise too_large(
            "the video has too many pixels", f"{width} x {height} px", f"up to {MAX_PIXELS // 1_000_000} MP"
        )
    audio = audio_stream(container)
    if audio is not None and not 1 <= audio.codec_context.channels <= MAX_CHANNELS:
        raise refused(f"audio with {audio.codec_context.channels} channels", "Convert it to stereo.")
    sound = canonical(audio.codec_context.name) if audio is not None else ""
    kept_format = _container_for(canonical(context.name), sound, format_name)
    claimed = claimed_s(container, stream)
    check_length(claimed, allowed_s)
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    seconds, packets = _copy(container, [s for s in (stream, audio) if s is not None], kept_format, out, allowed_s)
    if claimed is not None and seconds < 0.95 * claimed - 0.5:
        raise unreadable("the video is truncated", f"{seconds:.2f} s of {claimed:.2f} s")
    check_length(seconds, allowed_s)
    rate = packets / seconds if seconds else fps
    if rate > MAX_FPS * 1.05:
        seen = f"video with {rate:.0f} frames per second"
        raise refused(seen, "Convert it to 25 or 30 frames per second.", f"up to {MAX_FPS:.0f}")
    if fps > MAX_FPS:  # browser recordings have no rate in the header, so FFmpeg uses the clock rate of 1000
        fps = rate
    return {
        "kind": "video",
        "media_type": f"video/{kept_format}",
        "suffix": f".{kept_format}",
        "facts": {
            "format": format_name,
            "width": width,
            "height": height,
            "fps": round(fps, 6) or None,
            "frames": packets,
            "duration_s": round(seconds, 6),
            "video_codec": canonical(context.name),
            "audio_codec": canonical(audio.codec_context.name) if audio is not None else None,
            "sample_rate_hz": audio.codec_context.sample_rate if audio is not None else None,
            "channels": audio.codec_context.channels if audio is not None else None,
        },
        "faces": [],
        "warnings": [hint.model_dump(mode="json") for hint in track_hints(container)],
    }


def _container_for(video: str, audio: str, format_name: str) -> str:
    """The format to store the packets in, one that browsers play. Raises WorkbenchError (upload.refused)."""
    wanted = ("webm", "mp4") if format_name == "webm" else ("mp4", "webm")
    for name in wanted:
        if video in _HOLDS[name] and audio in _HOLDS[name]:
            return name
    raise refused(f"video with the codecs {video} and {audio}", "Convert it to MP4 with H.264 and AAC.")


def _copy(container: Any, streams: list[Any], format_name: str, out: Path, allowed_s: float) -> tuple[float, int]:
    """Write the packets and decode the first ones. Returns the duration in seconds and the number of video packets."""
    video = streams[0]
    first, last, packets, decoded = None, 0.0, 0, 0
    options = {
        "fflags": "+bitexact"
    }  # no muxer name, date or random numbers, so that the same upload gives the same bytes
    with av.open(str(out), "w", format=format_name, options=options) as kept:
        copies = {}
        for stream in streams:
            copies[stream.index] = kept.add_stream_from_template(stream, opaque=True)
            copies[stream.index].metadata.clear()
        for packet in container.demux(*streams):
            if packet.size == 0:  # the end of a stream
                continue
            if packet.stream.index == video.index:
                packets += 1
                if decoded < DECODED_FRAMES:
                    decoded += len(packet.decode())
                if packet.pts is not None:
                    at = float(packet.pts * packet.time_base)
                    first = at if first is None else min(first, at)
                    last = max(last, at + float((packet.duration or 0) * packet.time_base))
                    check_length(last - first, allowed_s)
            if packet.dts is None:
                continue
            packet.stream = copies[packet.stream.index]
            kept.mux(packet)
    if decoded == 0 and not (packets and video.codec_context and video.decode(None)):
        raise unreadable("no frame of the video could be decoded")
    return last - (first or 0.0), packets
