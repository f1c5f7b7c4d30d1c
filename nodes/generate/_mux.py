"""Combines a silent video and an audio file into one mp4. Copies the video packets if possible, else re-encodes.

Length: the video shows exactly the frames that start before the audio ends. Later frames are dropped; missing frames
repeat the last one. Both tracks start at 0: the AAC encoder's priming samples lie before 0, and the edit list, which
every player honours, removes them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
from av.audio.resampler import AudioResampler

from nodes.sdk import NodeError

_OTHER_RATE_HZ = 48_000  # for audio whose rate AAC does not support
_ENCODER_THREADS = 2  # fixed: x264's output depends on the number, and the same inputs must give the same bytes


@dataclass(frozen=True)
class AudioFacts:
    """Properties of the audio file, counted from its samples."""

    duration_s: Fraction
    rate_hz: int
    layout: str


@dataclass(frozen=True)
class VideoFacts:
    """Properties of the video file, read from its packets without decoding.

    Attributes:
        packet_pts: presentation times in decoding order, in ``time_base`` units.
        width, height: of the frames as stored, in pixels.
        copyable: whether it is H.264 in yuv420p, which every player supports.
    """

    packet_pts: list[int]
    time_base: Fraction
    fps: Fraction
    width: int
    height: int
    copyable: bool

    @cached_property  # it is used for each packet
    def start(self) -> int:
        return min(self.packet_pts)

    def kept(self, end_s: Fraction) -> int | None:
        """The number of leading packets that hold exactly the frames starting before ``end_s``; None if none does.

        The kept frames must also be the first ones in decoding order, because a kept frame could otherwise refer to a
        dropped one. Also None if frames are missing at the end.
        """
        starts = [(pts - self.start) * self.time_base for pts in self.packet_pts]
        if max(starts) + 2 / self.fps <= end_s:
            return None
        count = sum(start < end_s for start in starts)
        return count if all(start < end_s for start in starts[:count]) else None


def read_audio_facts(path: Path) -> AudioFacts:
    """Raises NodeError if the file is not audio or has no samples."""
    samples, rate, channels = 0, 0, 0
    with _opened(path, "audio") as container:
        for frame in _decoded(container, container.streams.audio[0], "audio"):
            samples, rate, channels = samples + frame.samples, frame.sample_rate, len(frame.layout.channels)
    if samples == 0:
        raise NodeError(
            "the audio is empty",
            where="audio",
            seen="0 samples",
            allowed="at least one sample",
            remedy="Provide a narration that contains words, or another audio file.",
        )
    return AudioFacts(Fraction(samples, rate), rate, "mono" if channels == 1 else "stereo")


def read_video_facts(path: Path) -> VideoFacts:
    """Raises NodeError if the file is not a video or has no frames."""
    with _opened(path, "video") as container:
        stream = container.streams.video[0]
        pts = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]
        if not pts or stream.time_base is None:
            raise NodeError(
                "the video has no frames",
                where="video",
                seen=f"{len(pts)} frames with a time stamp",
                allowed="at least one frame",
                remedy="Render the video again.",
            )
        codec = stream.codec_context
        copyable = codec.name == "h264" and codec.pix_fmt == "yuv420p"
        fps = stream.average_rate or stream.guessed_rate or Fraction(25)
        return VideoFacts(pts, stream.time_base, Fraction(fps), codec.width, codec.height, copyable)


def mux(
    video: Path,
    audio: Path,
    target: Path,
    *,
    bitrate_kbps: int,
    crf: int,
    metadata: dict[str, str],
    on_frame: Callable[[int, int], None],
) -> bool:
    """Write ``target`` (mp4, moov first). Returns whether the video was copied. Blocks; uses little memory.

    Args:
        crf: quality of a re-encode; unused if packets are copied.
        on_frame: called with (done, total) frames; it may raise to stop the work.

    Raises:
        NodeError: an input cannot be read.
    """
    audio_facts, video_facts = read_audio_facts(audio), read_video_facts(video)
    kept = video_facts.kept(audio_facts.duration_s) if video_facts.copyable else None
    total = kept or math.ceil(audio_facts.duration_s * video_facts.fps)
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        out.metadata.update(metadata)
        with _opened(video, "video") as video_in, _opened(audio, "audio") as audio_in:
            source = video_in.streams.video[0]
            if kept is not None:
                video_out = out.add_stream_from_template(source)
                video_packets = _copied(video_in, source, video_out, video_facts, kept)
            else:
                video_out = _h264_stream(out, source, video_facts.fps, crf)
                if rotation := _rotation(video):  # phones store upright clips rotated; copying preserves the rotation
                    video_out.set_display_rotation(rotation)
                video_packets = _encoded(video_in, source, video_out, video_facts, total)
            audio_out = _aac_stream(out, audio_facts, bitrate_kbps)
            audio_packets = _encoded_audio(audio_in, audio_out)
            done = 0
            for packet in heapq.merge(video_packets, audio_packets, key=_decode_time):
                out.mux(packet)
                if packet.stream is video_out:
                    done += 1
                    on_frame(done, total)
    return kept is not None


def _copied(container: Any, source: Any, stream: Any, facts: VideoFacts, kept: int) -> Iterator[Any]:
    for packet in container.demux(source):
        if kept == 0:
            return
        if packet.size and packet.pts is not None:
            packet.pts -= facts.start
            if packet.dts is not None:
                packet.dts -= facts.start
            packet.stream = stream
            kept -= 1
            yield packet


def _encoded(container: Any, source: Any, stream: Any, facts: VideoFacts, total: int) -> Iterator[Any]:
    """Encode as frame ``i`` what a player shows at ``i / fps``, which also evens out a variable frame rate."""
    source.thread_type = "AUTO"
    made, shown = 0, None
    for frame in _decoded(container, source, "video"):
        start_s = (frame.pts - facts.start) * facts.time_base
        while shown is not None and made < total and Fraction(made) / facts.fps < start_s:
            yield from _encode(stream, shown, made, facts.fps)
            made += 1
        shown = frame
        if made >= total:
            break
    if shown is None:
        raise _unreadable("video", "no frame could be decoded")
    while made < total:
        yield from _encode(stream, shown, made, facts.fps)
        made += 1
    yield from stream.encode(None)


def _encode(stream: Any, frame: Any, index: int, fps: Fraction) -> list[Any]:
    copy = frame.reformat(stream.width, stream.height, "yuv420p")
    if copy is frame:  # a repeated frame needs an object of its own for each time stamp
        copy = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
    copy.pts, copy.time_base = index, 1 / fps
    copy.pict_type = 0
    return list(stream.encode(copy))


def _encoded_audio(container: Any, stream: Any) -> Iterator[Any]:
    context = stream.codec_context
    resampler = AudioResampler(format="fltp", layout=context.layout, rate=context.sample_rate)
    position = 0
    for frame in (*_decoded(container, container.streams.audio[0], "audio"), None):
        for resampled in resampler.resample(frame):
            resampled.pts, resampled.time_base = position, Fraction(1, context.sample_rate)
            position += resampled.samples
            yield from stream.encode(resampled)
    yield from stream.encode(None)


def _h264_stream(out: Any, source: Any, fps: Fraction, crf: int) -> Any:
    stream = out.add_stream("libx264", rate=fps)
    stream.width, stream.height = max(2, source.width // 2 * 2), max(2, source.height // 2 * 2)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = _ENCODER_THREADS
    stream.options = {"preset": "veryfast", "crf": str(crf)}
    return stream


def _rotation(path: Path) -> int:
    """Degrees by which players rotate the frames."""
    with _opened(path, "video") as container:
        first = next(_decoded(container, container.streams.video[0], "video"), None)
        return 0 if first is None else int(first.rotation)


def _aac_stream(out: Any, facts: AudioFacts, bitrate_kbps: int) -> Any:
    rates = av.codec.Codec("aac", "w").audio_rates or [_OTHER_RATE_HZ]
    rate = facts.rate_hz if facts.rate_hz in rates else _OTHER_RATE_HZ
    stream = out.add_stream("aac", rate=rate)
    # Twice as quick as the default. For speech at the default bit rate: 38 instead of 41 dB above the noise.
    stream.options = {"aac_coder": "fast"}
    stream.codec_context.layout = facts.layout
    # AAC allows at most 6144 bits per channel in a frame of 1024 samples: 144 kbit/s for a voice at 24 kHz.
    most = 6144 * rate // 1024 * (1 if facts.layout == "mono" else 2)
    stream.codec_context.bit_rate = min(bitrate_kbps * 1000, most)
    return stream


def _decode_time(packet: Any) -> float:
    """Seconds. Not exact, because it only orders packets, and an hour has many."""
    ticks = packet.dts if packet.dts is not None else packet.pts or 0
    return float(ticks * packet.time_base.numerator / packet.time_base.denominator)


def _opened(path: Path, kind: str) -> Any:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(kind, f"{type(error).__name__}: {error}") from error
    if not getattr(container.streams, kind):
        found = ", ".join(stream.type for stream in container.streams) or "no track"
        container.close()
        raise _unreadable(kind, f"a file with {found}")
    return container


def _decoded(container: Any, stream: Any, kind: str) -> Iterator[Any]:
    try:
        yield from container.decode(stream)
    except av.error.FFmpegError as error:
        raise _unreadable(kind, f"{type(error).__name__}: {error}") from error


def _unreadable(kind: str, seen: str) -> NodeError:
    return NodeError(
        f"the {kind} cannot be read",
        where=kind,
        seen=seen,
        allowed=f"a file with a playable {kind} track",
        remedy=f"Check that the file plays in another program. If it is damaged, create the {kind} again.",
    )
