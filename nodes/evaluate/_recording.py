"""Decodes an audio file for the speech recogniser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from nodes.evaluate._clip import AUDIO_RATE_HZ
from nodes.sdk import NodeError


def check_recording(path: Path, most_s: float) -> None:
    """Check a recording by its header and first frame, in milliseconds. Raises as ``read_recording``."""
    with _opened(path) as (container, stream):
        declared_s = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / 1_000_000
        _check_length(float(declared_s), most_s)
        if next(container.decode(stream), None) is None:
            raise _empty()


def read_recording(path: Path, most_s: float) -> NDArray[Any]:
    """The audio of a recording or a video as (N,) float32 in -1..1 at ``AUDIO_RATE_HZ``, mixed to mono.

    Raises NodeError if the file has no audio, is damaged or empty, or is longer than ``most_s`` seconds.
    """
    blocks: list[NDArray[Any]] = []
    length = 0
    with _opened(path) as (container, stream):
        resampler = AudioResampler(format="flt", layout="mono", rate=AUDIO_RATE_HZ)
        for frame in itertools.chain(container.decode(stream), [None]):
            for resampled in resampler.resample(frame):
                blocks.append(resampled.to_ndarray()[0])
                length += len(blocks[-1])
            _check_length(length / AUDIO_RATE_HZ, most_s)
    if not length:
        raise _empty()
    return np.concatenate(blocks)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    try:
        with av.open(str(path)) as container:
            yield container, container.streams.audio[0]
    except (av.error.FFmpegError, IndexError) as error:
        allowed = "a wav, mp3, flac, ogg, m4a or webm file with an audio track"
        raise _refusal("the recording cannot be read", f"{type(error).__name__}: {error}", allowed) from error


def _check_length(seconds: float, most_s: float) -> None:
    if seconds > most_s:
        raise _refusal("the recording is too long", f"{seconds:.0f} s", f"up to {most_s:g} s")


def _empty() -> NodeError:
    return _refusal("the recording is empty", "0 samples", "a recording with at least one sample")


def _refusal(message: str, seen: str, allowed: str) -> NodeError:
    return NodeError(message, where="audio", seen=seen, allowed=allowed, remedy="Convert or shorten the recording.")
