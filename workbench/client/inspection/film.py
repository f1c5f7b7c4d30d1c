"""Video: its beginning decoded, every packet read, and kept as the same packets in a new container. Child only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from workbench.client.inspection.containers import canonical, check_length, claimed_s, the_audio
from workbench.client.inspection.limits import MAX_CHANNELS, MAX_FPS, MAX_PIXELS, MAX_SIDE_PX
from workbench.client.inspection.refusals import refused, too_large, unreadable

DECODED_FRAMES = 48  # two seconds: enough to know that it decodes


def inspect_film(container: Any, stream: Any, format_name: str, out: Path, allowed_s: float) -> dict[str, Any]:
    """Facts of a video; its picture and sound packets are written to ``out`` without metadata or other streams.

    Coding it anew would take minutes. A new container drops what lies beside the packets: positions, comments,
    attachments, subtitles, whatever was glued behind. Raises WorkbenchError: upload.*.
    """
    context = stream.codec_context
    width, height = context.width, context.height
    if not (width and height):
        raise unreadable("the video does not say how large its pictures are")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise too_large(
            "the video has too many pixels", f"{width} x {height} px", f"up to {MAX_PIXELS // 1_000_000} MP"
        )
    sound = the_audio(container)
    if sound is not None and not 1 <= sound.codec_context.channels <= MAX_CHANNELS:
        raise refused(f"sound with {sound.codec_context.channels} channels", "Convert it to stereo.")
    claimed = claimed_s(container, stream)
    check_length(claimed, allowed_s)
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    seconds, packets = _copy(container, [s for s in (stream, sound) if s is not None], format_name, out, allowed_s)
    if claimed is not None and seconds < 0.95 * claimed - 0.5:
        raise unreadable("the video is cut short", f"{seconds:.2f} s of {claimed:.2f} s")
    check_length(seconds, allowed_s)
    rate = packets / seconds if seconds else fps
    if rate > MAX_FPS * 1.05:
        seen = f"video of {rate:.0f} frames a second"
        raise refused(seen, "Convert it to 25 or 30.", f"up to {MAX_FPS:.0f}")
    if fps > MAX_FPS:  # what browsers record has no rate in its header; FFmpeg then takes the clock's, a thousand
        fps = rate
    return {
        "kind": "video",
        "media_type": f"video/{format_name}",
        "suffix": f".{format_name}",
        "facts": {
            "format": format_name,
            "width": width,
            "height": height,
            "fps": round(fps, 6) or None,
            "frames": packets,
            "duration_s": round(seconds, 6),
            "video_codec": canonical(context.name),
            "audio_codec": canonical(sound.codec_context.name) if sound is not None else None,
            "sample_rate_hz": sound.codec_context.sample_rate if sound is not None else None,
            "channels": sound.codec_context.channels if sound is not None else None,
        },
        "faces": [],
        "warnings": [],
    }


def _copy(container: Any, streams: list[Any], format_name: str, out: Path, allowed_s: float) -> tuple[float, int]:
    """Write the packets; returns the seconds and the number of picture packets. Decodes the first of them."""
    picture = streams[0]
    first, last, packets, decoded = None, 0.0, 0, 0
    options = {"fflags": "+bitexact"}  # no writer's name, no date, no random numbers: the same upload, the same bytes
    with av.open(str(out), "w", format=format_name, options=options) as kept:
        copies = {}
        for stream in streams:
            copies[stream.index] = kept.add_stream_from_template(stream, opaque=True)
            copies[stream.index].metadata.clear()
        for packet in container.demux(*streams):
            if packet.size == 0:  # the end of a stream
                continue
            if packet.stream.index == picture.index:
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
    if decoded == 0 and not (packets and picture.codec_context and picture.decode(None)):
        raise unreadable("no picture of the video could be decoded")
    return last - (first or 0.0), packets
