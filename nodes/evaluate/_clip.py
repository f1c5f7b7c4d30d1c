"""Reads a finished clip: its properties from the packets, selected frames, and its audio as mono samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from nodes.sdk import NodeError

AUDIO_RATE_HZ = 16_000  # required by the speech recogniser; loudness needs less


@dataclass(frozen=True)
class ClipFacts:
    """Properties of a clip.

    Attributes:
        times_s: start time of each frame, in display order; the first is 0.
        duration_s: end time of the last frame.
        has_audio: whether there is an audio track.
    """

    times_s: tuple[float, ...]
    fps: float
    duration_s: float
    has_audio: bool

    @property
    def frames(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True)
class Frame:
    """One decoded frame: (H, W, 3) uint8 RGB, rotated as a player would rotate it."""

    index: int
    time_s: float
    rgb: NDArray[Any]


def read_facts(path: Path) -> ClipFacts:
    """Read a clip's properties from its packets, without decoding. Raises NodeError: not a video, or no frames."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        packets = [(p.pts, p.duration) for p in container.demux(stream) if p.size and p.pts is not None]
        if not packets:
            raise _unreadable("a video track without frames")
        packets.sort()
        first, base = packets[0][0], float(stream.time_base)
        times = tuple((pts - first) * base for pts, _ in packets)
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        last = (packets[-1][1] or 0) * base or 1 / fps
        return ClipFacts(times, fps, times[-1] + last, bool(container.streams.audio))


def read_frames(path: Path, facts: ClipFacts, wanted: frozenset[int]) -> Iterator[Frame]:
    """Decode the clip once, in order, and yield only the wanted frames. Holds one frame at a time.

    Raises NodeError if the clip is damaged.
    """
    last = max(wanted, default=-1)
    try:
        with _opened(path) as container:
            container.streams.video[0].thread_type = "AUTO"
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted and index < facts.frames:
                    rgb = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                    yield Frame(index, facts.times_s[index], np.ascontiguousarray(rgb))
                if index >= last:
                    return
    except av.error.FFmpegError as error:
        raise _unreadable(f"{type(error).__name__}: {error}") from error


def read_audio(path: Path) -> NDArray[Any]:
    """The audio as (N,) float32 in -1..1 at ``AUDIO_RATE_HZ``, mixed to mono; sample 0 plays with frame 0.

    Follows the time stamps: silence fills gaps and a late start. Raises NodeError if the audio is damaged.
    """
    with _opened(path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        start_s = float((video.start_time or 0) * video.time_base)
        resampler = AudioResampler(format="flt", layout="mono", rate=AUDIO_RATE_HZ)
        pieces: list[NDArray[Any]] = []
        length = 0
        try:
            for frame in container.decode(audio):
                due = round((float(frame.time or 0) - start_s) * AUDIO_RATE_HZ)
                for resampled in resampler.resample(frame):
                    samples = resampled.to_ndarray()[0]
                    if due - length > AUDIO_RATE_HZ // 50:  # less than 20 ms is the resampler's own delay
                        pieces.append(np.zeros(due - length, np.float32))
                        length = due
                    pieces.append(samples)
                    length += len(samples)
            pieces += [resampled.to_ndarray()[0] for resampled in resampler.resample(None)]
        except av.error.FFmpegError as error:
            raise _unreadable(f"audio: {type(error).__name__}: {error}") from error
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` indices, evenly spaced, each in the middle of its interval."""
    chosen = min(count, most)
    return [int((i + 0.5) * count / chosen) for i in range(chosen)]


def runs(count: int, fps: float, most: int) -> list[int]:
    """At most ``most`` indices at about 25 per second: the whole clip, or runs of 2 s spread over a longer clip."""
    step = max(1, round(fps / 25))
    if -(-count // step) <= most:
        return list(range(0, count, step))
    length = min(most, 50)
    number = most // length
    starts = [int((i + 0.5) * count / number - length * step / 2) for i in range(number)]
    return [start + step * i for start in starts for i in range(length)]


def _opened(path: Path) -> Any:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(f"{type(error).__name__}: {error}") from error
    if not container.streams.video:
        container.close()
        raise _unreadable("a file without a video track")
    return container


def _unreadable(seen: str) -> NodeError:
    return NodeError(
        "the video cannot be read",
        where="video",
        seen=seen,
        allowed="a file with a playable video track",
        remedy="Check that the file plays in another program. If it is damaged, create the video again.",
    )
