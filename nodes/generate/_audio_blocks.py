"""Decodes audio files that continue each other to blocks of samples, so that an hour of audio needs little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nodes.sdk import AudioRef, NodeError


@dataclass(frozen=True)
class AudioSamples:
    """samples: (N,) float32, -1 to 1, mono; rate_hz: samples per second."""

    samples: NDArray[Any]
    rate_hz: int

    def frames(self, fps: int) -> int:
        """Number of video frames that cover the audio: ceil(duration * fps), in exact arithmetic."""
        return -(-len(self.samples) * fps // self.rate_hz)


def read_audio(path: Path) -> AudioSamples:
    """Decode an audio file to mono at its own rate. Raises NodeError: not audio, or empty."""
    blocks = [block for _, block in _decoded(path)]
    if not blocks:
        raise _empty()
    return AudioSamples(np.concatenate([block.samples for block in blocks]), blocks[0].rate_hz)


BEFORE_S = 0.5  # a decoder is right again after that


class AudioReader:
    """Reads files that continue each other, to mono, and keeps the samples that were not forgotten.

    Args:
        audio: the files in order; each is opened when its samples are needed.
        open_file: gives the local path of one.
        start_s: files that end before are not opened, if their references tell exactly how long they are.
        seek: jump to ``start_s`` in a long file. Compressed sound then differs at first by what its decoder remembers.

    Raises NodeError, as do its methods: not audio, or empty.
    """

    def __init__(
        self,
        audio: Iterable[AudioRef],
        open_file: Callable[[AudioRef], Path],
        start_s: float = 0,
        *,
        seek: bool = False,
    ) -> None:
        self.rate_hz = 0
        self._start = 0  # number of the first sample that is kept
        self._blocks = self._read(audio, open_file, start_s, seek)
        first = next(self._blocks, None)
        if not self.rate_hz:
            raise _empty()
        self._samples = np.empty(0, np.float32) if first is None else first.samples

    @property
    def end(self) -> int:
        """The number of samples that were read or passed over."""
        return self._start + len(self._samples)

    def hear(self, wanted: int) -> None:
        """Read up to the sample with that number, or to the end."""
        new, end = [self._samples], self.end
        while end < wanted and (block := next(self._blocks, None)) is not None:
            new.append(block.samples)
            end += len(block.samples)
        self._samples = np.concatenate(new)

    def between(self, left: int, right: int) -> NDArray[Any]:
        """The samples with these numbers, as far as they are kept."""
        return self._samples[max(0, left - self._start) : max(0, right - self._start)]

    def forget(self, before: int) -> None:
        """Keep the samples from that number on. Reads up to it, in little memory."""
        while self.end < before and (block := next(self._blocks, None)) is not None:
            self._start, self._samples = self.end, block.samples
        gone = min(before, self.end) - self._start
        if gone > 0:
            self._start, self._samples = self._start + gone, self._samples[gone:].copy()

    def _read(
        self, audio: Iterable[AudioRef], open_file: Callable[[AudioRef], Path], start_s: float, seek: bool
    ) -> Iterator[AudioSamples]:
        passing = True
        for ref in audio:
            length = _exact_length(ref) if passing else None
            if length and ref.sample_rate_hz and self._start + length <= start_s * ref.sample_rate_hz:
                self._start += length
                self.rate_hz = ref.sample_rate_hz
                continue
            from_s = start_s - self._start / self.rate_hz if passing and self.rate_hz else start_s if passing else 0.0
            passing = False
            for number, block in _decoded(open_file(ref), from_s - BEFORE_S if seek else 0.0):
                self.rate_hz = block.rate_hz
                if number is not None:
                    self._start += number
                yield block


def _exact_length(ref: AudioRef) -> int | None:
    """The number of samples; None for compressed files, which only decoding tells."""
    if ref.media_type != "audio/wav" or ref.duration_s is None or ref.sample_rate_hz is None:
        return None
    return round(ref.duration_s * ref.sample_rate_hz)


def _empty() -> NodeError:
    return NodeError(
        "the audio is empty",
        where="audio",
        seen="0 samples",
        allowed="at least one sample",
        remedy="Check the node that produced the audio: it wrote a file without samples.",
    )


def _decoded(path: Path, from_s: float = 0.0) -> Iterator[tuple[int | None, AudioSamples]]:
    """The blocks; with the first one the number of its first sample, if it is not 0."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate_hz, number = int(stream.rate), None
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
            if from_s > 0 and stream.time_base:
                container.seek(int(from_s / stream.time_base) + (stream.start_time or 0), stream=stream)
            for frame in chain(container.decode(stream), [None]):
                if frame is not None and from_s > 0 and frame.pts is not None and frame.time_base is not None:
                    start = (stream.start_time or 0) * (stream.time_base or 0)
                    number, from_s = round((frame.pts * frame.time_base - start) * rate_hz), 0.0
                for out in resampler.resample(frame):
                    yield number, AudioSamples(out.to_ndarray()[0].astype(np.float32), rate_hz)
                    number = None
    except (av.FFmpegError, IndexError) as error:
        raise NodeError(
            "the audio cannot be decoded",
            where="audio",
            seen=f"{type(error).__name__}: {error}",
            allowed="a wav, mp3, flac or ogg file with an audio track",
            remedy="Convert the recording to wav.",
        ) from error
