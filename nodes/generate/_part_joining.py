"""Joins parts to one mp4 by copying packets, without re-encoding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from nodes.sdk import NodeError


def join(parts: Sequence[Path], target: Path, fps: int | Fraction) -> int:
    """Concatenate the parts into ``target`` (mp4, index first) and return the number of frames.

    Raises NodeError if a part was encoded with different settings than the first.
    """
    frames = 0
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        stream, first_settings = None, b""
        for number, part in enumerate(parts):
            with av.open(str(part)) as source:
                video = source.streams.video[0]
                settings = bytes(video.codec_context.extradata or b"")
                if stream is None:
                    first_settings = settings
                    stream = out.add_stream_from_template(video)
                    stream.time_base = 1 / Fraction(fps)
                elif settings != first_settings:
                    raise NodeError(
                        "the parts of the clip have different encoder settings",
                        code="node.failed",
                        where=f"part {number}",
                        seen=f"{len(settings)} bytes of different settings",
                        allowed="the settings of the first part",
                        remedy="Submit the job again. An earlier attempt ran with a different build of the encoder.",
                    )
                for packet in source.demux(video):
                    if packet.size == 0:  # the demuxer's end marker
                        continue
                    packet.stream = stream
                    packet.time_base = 1 / Fraction(fps)
                    packet.pts = packet.dts = frames
                    packet.duration = 1
                    out.mux(packet)
                    frames += 1
    return frames
