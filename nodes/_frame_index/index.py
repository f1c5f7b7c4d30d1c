"""The frame index of an opened video."""

from __future__ import annotations

import base64
import itertools
import statistics
from fractions import Fraction
from typing import Any, BinaryIO

from nodes._frame_index import codec_names
from nodes._frame_index.errors import Damaged, NotIndexed
from nodes._frame_index.packets import HIDDEN, Packets, check_complete, find_packets
from schemas.frame_index import FrameIndex

CODECS = ("h264", "hevc", "vp8", "vp9", "av1")
_ATTACHED = 0x400  # FFmpeg's mark of a cover image


def frame_index(container: Any, file: BinaryIO, sha256: str) -> FrameIndex:
    """The index of the only video track of an MP4, MOV, WebM or Matroska file.

    Decodes one frame, and reads every byte of the track once: an hour takes seconds.

    Args:
        container: from ``av.open``, at the beginning of the file.
        file: the same file, opened a second time.
        sha256: of the file.

    Raises NotIndexed, Damaged, and FFmpeg's errors.
    """
    stream = _track(container)
    codec = _canonical(stream.codec_context.name)
    if codec not in CODECS:
        raise NotIndexed(f"video with the codec {codec}", "Convert it to MP4 with H.264.")
    first = _FirstFrame(container, stream)
    packets = find_packets(iter(first), file, codec)
    check_complete(container, stream, file)
    shown = sorted(time for time in packets.times if time is not None)
    frame = first.frame
    if not shown or not packets.key:
        raise NotIndexed("a video without frames", "Record or export it again.")
    if frame is None:
        raise Damaged("no frame of the video can be decoded")
    unit = Fraction(stream.time_base)
    start = shown[0]
    length = shown[-1] - start + (_last_duration(packets, shown) or 0)
    fps, variable = _rate(shown, length, unit, stream.average_rate)
    extradata = bytes(stream.codec_context.extradata or b"")
    bits = frame.format.components[0].bits
    width, height = frame.width, frame.height
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    name, described = _named(codec, extradata, stream.codec_context, bits, width * height, fps)
    return FrameIndex(
        sha256=sha256,
        codec=name,
        description=base64.b64encode(extradata).decode() if described else "",
        annex_b=codec in ("h264", "hevc") and not described,
        width=width,
        height=height,
        rotation=round(-frame.rotation / 90) * 90 % 360,
        pixel_aspect=round(float(aspect), 6),
        bits=bits,
        fps=fps,
        variable=variable,
        time_base=(unit.numerator, unit.denominator),
        start_s=round(max(0.0, float(start * unit)), 6),
        duration_s=round(float(length * unit), 6),
        offsets=packets.offsets,
        sizes=packets.sizes,
        times=[HIDDEN if time is None else time - start for time in packets.times],
        key=packets.key,
        audio=bool(container.streams.audio),
    )


class _FirstFrame:
    """The packets of the track; decodes the first frame on the way, which alone tells the rotation and the depth."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._packets = container.demux(stream)
        self.frame: Any = None

    def __iter__(self) -> Any:
        for packet in self._packets:
            if self.frame is None:
                self.frame = next(iter(packet.decode()), None)
            yield packet


def _track(container: Any) -> Any:
    tracks = [stream for stream in container.streams.video if not int(stream.disposition) & _ATTACHED]
    if not tracks:
        raise NotIndexed("a file without video", "Choose a video; audio alone has no frames.")
    if len(tracks) > 1:
        raise NotIndexed(f"a file with {len(tracks)} video tracks", "Export it with one video track.")
    if tracks[0].codec_context is None:
        raise NotIndexed("video with an unknown codec", "Convert it to MP4 with H.264.")
    return tracks[0]


def _canonical(codec: str) -> str:
    """The codec's name, without that of the library that decodes it."""
    plain = codec.removeprefix("lib")
    return {"vpx": "vp8", "vpx-vp9": "vp9", "dav1d": "av1", "aom-av1": "av1"}.get(plain, plain)


def _named(codec: str, extradata: bytes, context: Any, bits: int, samples: int, fps: float) -> tuple[str, bool]:
    """WebCodecs' name of the codec, and whether a decoder needs the file's configuration record."""
    if codec == "h264" and (name := codec_names.avc(extradata)):
        return name, extradata[:1] == b"\x01"
    if codec == "hevc" and (name := codec_names.hevc(extradata, context.codec_tag)):
        return name, True
    if codec == "vp9":
        profile = ("Profile 0", "Profile 1", "Profile 2", "Profile 3").index(context.profile or "Profile 0")
        return codec_names.vp9(profile, bits, samples, fps), False
    if codec == "av1":
        return codec_names.av1(extradata, bits), False
    if codec == "vp8":
        return "vp8", False
    raise NotIndexed("a video without a codec configuration", "Convert it to MP4 with H.264.")


def _last_duration(packets: Packets, shown: list[int]) -> int:
    """Of the frame that is shown last; the usual time between frames if the file does not say."""
    told = packets.durations[packets.times.index(shown[-1])]
    steps = [after - before for before, after in itertools.pairwise(shown)]
    return told or (round(statistics.median(steps)) if steps else 0)


def _rate(shown: list[int], length: int, unit: Fraction, told: Fraction | None) -> tuple[float, bool]:
    """Mean frames per second, and whether the time between frames varies by more than the file's units explain."""
    span = shown[-1] - shown[0]
    mean = float((len(shown) - 1) / (span * unit)) if span else float(len(shown) / (length * unit)) if length else 0.0
    if told and abs(float(told) / mean - 1) < 0.005 if mean else told:
        fps = float(told or 0)  # exact, where times are rounded to milliseconds
    else:
        fps = mean
    step = span / max(1, len(shown) - 1)
    worst = max(abs(time - shown[0] - place * step) for place, time in enumerate(shown))
    return round(fps, 6), worst > 1
