"""Decodes audio files that continue each other to blocks of samples, so that an hour of audio needs little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nodes.sdk import NodeError


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
    blocks = list(audio_blocks([path]))
    return AudioSamples(np.concatenate([block.samples for block in blocks]), blocks[0].rate_hz)


def audio_blocks(paths: Iterable[Path]) -> Iterator[AudioSamples]:
    """Decode files that continue each other to mono, block by block. Raises NodeError: not audio, or empty."""
    empty = True
    for path in paths:
        for block in _decoded(path):
            empty = False
            yield block
    if empty:
        raise NodeError(
            "the audio is empty",
            where="audio",
            seen="0 samples",
            allowed="at least one sample",
            remedy="Check the node that produced the audio: it wrote a file without samples.",
        )


def _decoded(path: Path) -> Iterator[AudioSamples]:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate_hz = int(stream.rate)
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
            for frame in chain(container.decode(stream), [None]):
                for out in resampler.resample(frame):
                    yield AudioSamples(out.to_ndarray()[0].astype(np.float32), rate_hz)
    except (av.FFmpegError, IndexError) as error:
        raise NodeError(
            "the audio cannot be decoded",
            where="audio",
            seen=f"{type(error).__name__}: {error}",
            allowed="a wav, mp3, flac or ogg file with an audio track",
            remedy="Convert the recording to wav.",
        ) from error
