"""Cuts the speech into overlapping windows, one for each part of the video, while it is still being spoken.

The frames of a part depend on the audio and phonemes of its window alone, and a window on nothing but their times. So a
video has the same bytes whether the speech was there as a whole or came in parts, and an hour of speech needs no more
memory than a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nodes._speech import Phoneme
from nodes.generate._audio_blocks import AudioReader, AudioSamples
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


def start_s(part: int, fps: int) -> float:
    """No window of this part or a later one reaches further back."""
    return max(0.0, (CUT.start(part) - 1) / fps - LENGTH_S - STEP_S)


def windows(
    audio: AudioReader, phonemes: Iterable[Sequence[Phoneme]] | None, fps: int, *, part: int = 0
) -> Iterator[Window]:
    """The windows in order, each as soon as its audio and phonemes are there.

    Args:
        audio: its first file that is opened must not start after ``start_s(part, fps)``.
        phonemes: successive phonemes, with times from the start of the whole audio.
        part: that of the first window.
    """
    spoken, rate_hz = _Said(iter(phonemes)) if phonemes is not None else None, audio.rate_hz
    audio.forget(int(start_s(part, fps) * rate_hz))
    while True:
        first, count = CUT.start(part), CUT.count(part)
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
        audio.forget(left)
        heard = AudioSamples(audio.between(left, right), rate_hz)
        said = spoken.between(step * STEP_S, right / rate_hz) if spoken is not None else None
        yield Window(first, count, heard, step * STEP_S, said, known)
        part += 1


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
