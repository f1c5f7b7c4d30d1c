"""Cuts the speech into overlapping windows, one for each part of the video, while it is still being spoken.

The frames of a part depend on the audio and phonemes of its window alone, and a window on nothing but their times. So a
video has the same bytes whether the speech was there as a whole or came in parts, and an hour of speech needs no more
memory than a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nodes._speech import Phoneme
from nodes.generate._audio_blocks import AudioSamples
from nodes.generate._part_layout import CUT
from nodes.generate._puppet.loudness import STEP_S

AFTER_S = 2.5  # of speech after a frame: the slowest smoothing looks 2 s ahead
LENGTH_S = 30.0  # of speech from which its loudness is known


@dataclass(frozen=True)
class Window:
    """The speech around the frames of one part.

    Attributes:
        first, count: its frames.
        start_s: time of its first sample in the whole audio, a multiple of STEP_S.
        phonemes: with times from the start of the window; None if only the audio is known.
        known_frames: frames that the audio heard until now covers.
    """

    first: int
    count: int
    audio: AudioSamples
    start_s: float
    phonemes: list[Phoneme] | None
    known_frames: int


def windows(blocks: Iterable[AudioSamples], phonemes: Iterable[Sequence[Phoneme]] | None, fps: int) -> Iterator[Window]:
    """The windows in order, each as soon as its audio and phonemes are there.

    Args:
        blocks: successive samples, all at one rate.
        phonemes: successive phonemes, with times from the start of the whole audio.
    """
    audio, spoken, part = _Heard(iter(blocks)), _Said(iter(phonemes)) if phonemes is not None else None, 0
    while True:
        first, count = CUT.start(part), CUT.count(part)
        rate_hz = audio.rate_hz
        wanted = -(-(first + count) * rate_hz // fps) + round(AFTER_S * rate_hz)
        audio.hear(wanted)
        known = -(-audio.end * fps // rate_hz)
        if audio.end < wanted:
            count = min(count, known - first)
        if count <= 0:
            return
        right = min(wanted, audio.end)
        step = max(0, int((right / rate_hz - LENGTH_S) / STEP_S))
        left = round(step * STEP_S * rate_hz)
        heard = AudioSamples(audio.between(left, right), rate_hz)
        said = spoken.between(step * STEP_S, right / rate_hz) if spoken is not None else None
        yield Window(first, count, heard, step * STEP_S, said, known)
        part += 1


class _Heard:
    """The samples from the start of the last window on."""

    def __init__(self, blocks: Iterator[AudioSamples]) -> None:
        self._blocks = blocks
        first = next(blocks)
        self.rate_hz = first.rate_hz
        self._samples = first.samples
        self._start = 0

    @property
    def end(self) -> int:
        return self._start + len(self._samples)

    def hear(self, wanted: int) -> None:
        """Read up to the sample with that number, or to the end."""
        new = [self._samples]
        end = self.end
        while end < wanted and (block := next(self._blocks, None)) is not None:
            new.append(block.samples)
            end += len(block.samples)
        self._samples = np.concatenate(new)

    def between(self, left: int, right: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """The samples of these numbers; those before are forgotten."""
        self._samples = self._samples[left - self._start :].copy()
        self._start = left
        return self._samples[: right - left]


class _Said:
    """The phonemes from the start of the last window on."""

    def __init__(self, pieces: Iterator[Sequence[Phoneme]]) -> None:
        self._pieces = pieces
        self._phonemes: list[Phoneme] = []

    def between(self, left_s: float, right_s: float) -> list[Phoneme]:
        """The phonemes between these times, with times from ``left_s``; those before are forgotten."""
        while (not self._phonemes or self._phonemes[-1].end_s < right_s) and (piece := next(self._pieces, None)):
            self._phonemes += piece
        self._phonemes = [phoneme for phoneme in self._phonemes if phoneme.end_s > left_s]
        return [
            Phoneme(symbol=phoneme.symbol, start_s=max(0.0, phoneme.start_s - left_s), end_s=phoneme.end_s - left_s)
            for phoneme in self._phonemes
            if phoneme.start_s < right_s
        ]
